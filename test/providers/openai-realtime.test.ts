import { expect } from 'chai'
import { OpenAIRealtime, type OpenAIRealtimeOptions, type ProviderEvent } from '../../src/index.ts'
import { decode, parsed, replies } from '../support/collect.ts'
import { type Coverage, replay } from '../support/replay.ts'

const FRESH = { history: [], resumed: false }
const EFFECTIVE = { audio: { input: { turn_detection: { type: 'server_vad', interrupt_response: true } } } }

function ready(options: OpenAIRealtimeOptions = {}, effective: object = EFFECTIVE): OpenAIRealtime {
  const provider = new OpenAIRealtime(options)
  void [...provider.open(FRESH)]
  decode(provider, { type: 'session.created', event_id: 'e1', session: {} })
  decode(provider, { type: 'session.updated', event_id: 'e2', session: effective })
  return provider
}

const created = (id: string) => ({ type: 'response.created', event_id: 'e', response: { id } })
const done = (id: string, status = 'completed') => ({
  type: 'response.done',
  event_id: 'e',
  response: { id, status },
})
const audio = (responseId: string, itemId = 'item_a') => ({
  type: 'response.output_audio.delta',
  event_id: 'e',
  response_id: responseId,
  item_id: itemId,
  output_index: 0,
  content_index: 0,
  delta: 'AQID',
})
const types = (events: readonly ProviderEvent[]) => events.map(({ type }) => type)

/** Recorded conversations, with the options of their provider. */
const CONVERSATIONS: Readonly<Record<string, OpenAIRealtimeOptions>> = {
  emulator: {},
  'spoken-turn': { instructions: 'Be brief', greeting: 'Hello!' },
  'late-transcript': { instructions: 'Be brief' },
  'barge-in': { instructions: 'Be brief' },
  'barge-in-by-client': {
    instructions: 'Be brief',
    turnDetection: { type: 'semantic_vad', eagerness: 'high', interruptResponse: false },
  },
  tools: { instructions: 'Be brief', toolChoice: 'auto', parallelToolCalls: true },
  'text-and-image': { instructions: 'Be brief' },
  'push-to-talk': {
    inputEncoding: 'mulaw',
    outputEncoding: 'alaw',
    turnDetection: null,
    speed: 1.25,
    noiseReduction: { type: 'near_field' },
  },
  updates: {
    instructions: 'Be brief',
    voice: 'cedar',
    mcpServers: [{ serverLabel: 'docs', serverUrl: 'https://mcp.example.com' }],
  },
  resume: { instructions: 'Be brief', greeting: 'Hello!' },
  errors: { instructions: 'Be brief' },
  mcp: {
    mcpServers: [
      {
        serverLabel: 'docs',
        serverUrl: 'https://mcp.example.com',
        requireApproval: { never: { toolNames: ['search'] } },
        headers: { 'X-Api-Key': 'k' },
      },
    ],
  },
  'transcription-only': {
    kind: 'transcription',
    transcription: { model: 'gpt-4o-transcribe-diarize', language: 'en' },
    turnDetection: { type: 'server_vad', threshold: 0.6, silenceDurationMs: 300 },
    include: ['item.input_audio_transcription.logprobs'],
  },
  'text-only': {
    modality: 'text',
    instructions: 'Be brief',
    maxOutputTokens: 200,
    reasoningEffort: 'low',
    truncation: { type: 'retention_ratio', retentionRatio: 0.8, tokenLimits: { postInstructions: 5000 } },
    prompt: { id: 'pmpt_1', variables: { userName: 'Ada' } },
    tracing: { workflowName: 'Shop', metadata: { orderId: '7' } },
    session: { audio: { input: { noise_reduction: null } } },
  },
  'items-and-asides': { turnDetection: { type: 'server_vad', idleTimeoutMs: 6000 } },
}

interface EventTable {
  readonly client: Readonly<Record<string, unknown>>
  readonly server: Readonly<Record<string, { readonly required: Readonly<Record<string, string>> }>>
}

/** Messages that a WebSocket client has no use for, and why. */
const NEVER_SENT = { 'output_audio_buffer.clear': 'WebRTC only' }

async function fixture(path: string): Promise<string> {
  return (await fetch(`/test/fixtures/${path}`)).text()
}

async function json<T>(path: string): Promise<T> {
  return JSON.parse(await fixture(path)) as T
}

/** @returns The steps of all recorded conversations. */
async function allSteps(): Promise<{ receive?: Record<string, unknown>; events?: unknown[] }[]> {
  const names = Object.keys(CONVERSATIONS)
  const files = await Promise.all(names.map((name) => fixture(`openai-realtime/${name}.jsonl`)))
  return files.flatMap((file) =>
    file
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
  )
}

describe('OpenAIRealtime', () => {
  describe('recorded conversations', () => {
    const coverage: Coverage = {}

    for (const [name, options] of Object.entries(CONVERSATIONS)) {
      it(`OpenAIRealtime replays ${name}`, async () => {
        const covered = await replay(new OpenAIRealtime(options), `openai-realtime/${name}.jsonl`)
        for (const [type, what] of Object.entries(covered)) {
          if (coverage[type] !== 'decoded') coverage[type] = what
        }
      })
    }

    it('OpenAIRealtime.decode() has met every event of the server, and what became of it is on record', async () => {
      const { server } = await json<EventTable>('protocols/openai-realtime-events.json')
      const known = Object.fromEntries(Object.entries(coverage).filter(([type]) => type in server))
      expect(Object.keys(known)).to.have.members(Object.keys(server))
      expect(known).to.deep.equal(await json('openai-realtime/coverage.json'))
    })

    it('OpenAIRealtime sends every event of the client that has a use here', async () => {
      const { client } = await json<EventTable>('protocols/openai-realtime-events.json')
      const sent = new Set<unknown>(Object.keys(NEVER_SENT))
      for (const { events = [] } of await allSteps()) {
        for (const event of events as { type: string; data?: { type?: string } }[]) {
          sent.add(event.type === 'reply' ? event.data?.type : event.type)
        }
      }
      expect([...sent]).to.include.members(Object.keys(client))
    })

    it('recorded events of the server have all their required fields', async () => {
      const { server } = await json<EventTable>('protocols/openai-realtime-events.json')
      for (const { receive = {} } of await allSteps()) {
        for (const [field, type] of Object.entries(server[String(receive['type'])]?.required ?? {})) {
          const expected = /^(string|number)$/.test(type) ? type : /^Array/.test(type) ? 'array' : 'object'
          expect(receive[field], `${receive['type']}.${field}`).to.be.a(expected)
        }
      }
    })
  })

  describe('constructor', () => {
    it('has the formats of its encodings, and none where nothing is spoken', () => {
      const pcm = { encoding: 'pcm16', sampleRate: 24_000 }
      const { inputFormat, outputFormat } = new OpenAIRealtime()
      expect([inputFormat, outputFormat]).to.deep.equal([pcm, pcm])
      const telephone = new OpenAIRealtime({ inputEncoding: 'mulaw', outputEncoding: 'alaw' })
      expect(telephone.inputFormat).to.deep.equal({ encoding: 'mulaw', sampleRate: 8000 })
      expect(telephone.outputFormat).to.deep.equal({ encoding: 'alaw', sampleRate: 8000 })
      expect(new OpenAIRealtime({ modality: 'text' }).outputFormat).to.equal(null)
      expect(new OpenAIRealtime({ kind: 'transcription' }).outputFormat).to.equal(null)
    })

    it('tells what it can do', () => {
      const can = (options: OpenAIRealtimeOptions) =>
        Object.entries(new OpenAIRealtime(options).capabilities).flatMap(([name, able]) => (able ? name : []))
      const all = ['speech', 'text', 'images', 'say', 'tools', 'update', 'endTurn', 'history']
      expect(can({})).to.deep.equal(all)
      expect(can({ modality: 'text' })).to.deep.equal(all.slice(1))
      expect(can({ callId: 'rtc_1' })).to.deep.equal(all.slice(0, -1))
      expect(can({ kind: 'transcription' })).to.deep.equal(['update', 'endTurn'])
    })

    it('refuses values that the provider would refuse', () => {
      const refused = (options: object, error: ErrorConstructor, text: string) =>
        expect(() => new OpenAIRealtime(options as OpenAIRealtimeOptions)).to.throw(error, text)
      refused({ speed: 2 }, RangeError, 'as speed must be 0.25…1.5: current value is 2')
      refused({ speed: Number.NaN }, RangeError, 'as speed must be')
      refused(
        { maxOutputTokens: 0 },
        RangeError,
        'as maxOutputTokens must be 1…4096 or inf: current value is 0',
      )
      refused({ inputEncoding: 'opus' }, TypeError, 'as inputEncoding must be pcm16, mulaw or alaw')
      refused({ outputEncoding: 'opus' }, TypeError, 'as outputEncoding must be')
      refused({ callId: 'c', model: 'm' }, TypeError, 'as callId must be without model')
      refused({ callId: 'c', kind: 'transcription' }, TypeError, 'as callId must be without')
    })
  })

  describe('endpoint()', () => {
    it('offers a key as a subprotocol in the style of the provider', () => {
      const { url, protocols } = new OpenAIRealtime().endpoint({ type: 'api-key', value: 'k' })
      expect(url).to.equal('wss://api.openai.com/v1/realtime?model=gpt-realtime-2.1')
      expect(protocols).to.deep.equal(['realtime', 'openai-insecure-api-key.k'])
    })

    it('offers no beta marker, which the service refuses', () => {
      const { protocols } = new OpenAIRealtime().endpoint(null)
      expect(protocols).to.deep.equal(['realtime'])
    })

    it('names who pays as subprotocols', () => {
      const provider = new OpenAIRealtime({ organization: 'org_1', project: 'proj_1' })
      expect(provider.endpoint({ type: 'token', value: 'ek_1' }).protocols).to.deep.equal([
        'realtime',
        'openai-insecure-api-key.ek_1',
        'openai-organization.org_1',
        'openai-project.proj_1',
      ])
    })

    it('asks for a model, a call or transcription, one of them', () => {
      const search = (options: OpenAIRealtimeOptions) =>
        new URL(new OpenAIRealtime(options).endpoint(null).url).search
      expect(search({ model: 'm' })).to.equal('?model=m')
      expect(search({ callId: 'rtc_1' })).to.equal('?call_id=rtc_1')
      expect(search({ kind: 'transcription' })).to.equal('?intent=transcription')
      expect(search({ url: 'wss://example.com/v1/realtime?model=own' })).to.equal('?model=own')
    })
  })

  describe('decode()', () => {
    it('takes an option that is undefined for one that is not given', () => {
      const options = { voice: undefined, transcription: undefined } as unknown as OpenAIRealtimeOptions
      const configured = (provider: OpenAIRealtime) => {
        void [...provider.open(FRESH)]
        return replies(decode(provider, { type: 'session.created', event_id: 'e', session: {} }))
      }
      expect(configured(new OpenAIRealtime(options))).to.deep.equal(configured(new OpenAIRealtime()))
    })

    it('lets raw fields of the session win and keeps the rest', () => {
      const session = {
        tool_choice: 'none',
        audio: { input: { turn_detection: null }, output: { speed: 1.2 } },
      }
      const provider = new OpenAIRealtime({ toolChoice: 'auto', session })
      void [...provider.open(FRESH)]
      const [update] = replies(decode(provider, { type: 'session.created', event_id: 'e', session: {} }))
      expect(update).to.deep.include({
        session: {
          type: 'realtime',
          output_modalities: ['audio'],
          tool_choice: 'none',
          audio: {
            input: {
              format: { type: 'audio/pcm', rate: 24_000 },
              transcription: { model: 'gpt-4o-mini-transcribe' },
              turn_detection: null,
            },
            output: { format: { type: 'audio/pcm', rate: 24_000 }, voice: 'marin', speed: 1.2 },
          },
        },
      })
    })

    it('leaves a call as it is but for what is given', () => {
      const provider = new OpenAIRealtime({ callId: 'rtc_1', instructions: 'Be brief' })
      void [...provider.open({ history: [{ role: 'user', text: 'Hi' }], resumed: true })]
      const created = decode(provider, { type: 'session.created', event_id: 'e', session: {} })
      expect(replies(created)).to.deep.equal([
        { type: 'session.update', session: { type: 'realtime', instructions: 'Be brief' } },
      ])
      // The conversation is still there, and nobody here knows since when.
      const updated = decode(provider, { type: 'session.updated', event_id: 'e', session: {} })
      expect(types(updated)).to.deep.equal(['ready'])
    })

    it('configures the session once the server has created it, in the GA shape', () => {
      const provider = new OpenAIRealtime({ instructions: 'Be brief', voice: 'cedar' })
      expect([...provider.open(FRESH)]).to.deep.equal([])
      const [update] = replies(decode(provider, { type: 'session.created', event_id: 'e', session: {} }))
      expect(update).to.deep.equal({
        type: 'session.update',
        session: {
          type: 'realtime',
          output_modalities: ['audio'],
          instructions: 'Be brief',
          audio: {
            input: {
              format: { type: 'audio/pcm', rate: 24_000 },
              transcription: { model: 'gpt-4o-mini-transcribe' },
              turn_detection: { type: 'server_vad' },
            },
            output: { format: { type: 'audio/pcm', rate: 24_000 }, voice: 'cedar' },
          },
        },
      })
    })

    it('is ready when the configuration is in force, and only the first time', () => {
      const provider = new OpenAIRealtime()
      void [...provider.open(FRESH)]
      expect(types(decode(provider, { type: 'session.created', event_id: 'e', session: {} }))).to.deep.equal([
        'reply',
      ])
      expect(types(decode(provider, { type: 'session.updated', event_id: 'e', session: {} }))).to.deep.equal([
        'ready',
        'expiring',
      ])
      expect(decode(provider, { type: 'session.updated', event_id: 'e', session: {} })).to.deep.equal([])
    })

    it('greets on a first connection, and not on a resumed one, which gets the history', () => {
      const provider = new OpenAIRealtime({ greeting: 'Hello!' })
      void [...provider.open(FRESH)]
      const first = decode(provider, { type: 'session.updated', event_id: 'e', session: {} })
      expect(types(first)).to.deep.equal(['ready', 'expiring', 'reply'])
      expect(JSON.stringify(replies(first))).to.contain('Hello!')
      void [...provider.open({ history: [{ role: 'assistant', text: 'Hello!' }], resumed: true })]
      const second = decode(provider, { type: 'session.updated', event_id: 'e', session: {} })
      expect(types(second)).to.deep.equal(['reply', 'ready', 'expiring'])
      expect(replies(second)).to.deep.equal([
        {
          type: 'conversation.item.create',
          item: {
            id: 'replay_0',
            type: 'message',
            role: 'assistant',
            content: [{ type: 'output_text', text: 'Hello!' }],
          },
        },
      ])
    })

    for (const last of [
      { role: 'user', text: 'And now?' },
      { role: 'tool', callId: 'c', name: 'look', arguments: '{}', output: 'a tree' },
    ] as const) {
      it(`asks for the answer that was owed when the line was lost, after ${last.role}`, () => {
        const provider = new OpenAIRealtime({ greeting: 'Hello!' })
        void [...provider.open({ resumed: true, history: [last] })]
        decode(provider, { type: 'session.created', event_id: 'e', session: {} })
        const events = decode(provider, { type: 'session.updated', event_id: 'e', session: {} })
        expect(replies(events).at(-1)).to.deep.equal({ type: 'response.create', event_id: 'create_1' })
        expect(events.at(-2)).to.deep.include({ type: 'expiring' })
      })
    }

    it('keeps replayed items out of the transcript', () => {
      const item = {
        id: 'replay_0',
        type: 'message',
        role: 'user',
        content: [{ type: 'input_text', text: 'Hi' }],
      }
      expect(decode(ready(), { type: 'conversation.item.added', event_id: 'e', item })).to.deep.equal([])
    })

    it('treats a refused configuration as fatal, since the agent would run without its instructions', () => {
      const provider = new OpenAIRealtime()
      void [...provider.open(FRESH)]
      const error = {
        type: 'invalid_request_error',
        code: 'unknown_parameter',
        message: 'No',
        param: 'session.x',
      }
      const [event] = decode(provider, { type: 'error', event_id: 'e', error })
      if (event?.type !== 'error') throw new Error('Expected an error')
      expect(event.fatal).to.equal(true)
      expect(event.error.code).to.equal('configuration-rejected')
      expect(event.error.message).to.contain('session.x')
    })

    it('tells of a bad key as fatal and not worth a retry', () => {
      const [event] = decode(ready(), {
        type: 'error',
        event_id: 'e',
        error: { code: 'invalid_api_key', message: 'No' },
      })
      if (event?.type !== 'error') throw new Error('Expected an error')
      expect([event.fatal, event.error.code, event.error.retryable]).to.deep.equal([
        true,
        'unauthorized',
        false,
      ])
    })

    it('passes an expired session on as fatal but worth a new connection', () => {
      const [event] = decode(ready(), {
        type: 'error',
        event_id: 'e',
        error: { code: 'session_expired', message: 'Over' },
      })
      if (event?.type !== 'error') throw new Error('Expected an error')
      expect([event.fatal, event.error.code, event.error.retryable]).to.deep.equal([
        true,
        'session-expired',
        true,
      ])
    })

    it('makes a warning of errors that only say that messages crossed', () => {
      const error = { code: 'response_cancel_not_active', message: 'Nothing to cancel' }
      expect(types(decode(ready(), { type: 'error', event_id: 'e', error }))).to.deep.equal(['warning'])
    })

    it('passes on what a relay has to say', () => {
      const warning = { code: 'draining', message: 'The relay restarts' }
      expect(decode(ready(), { type: 'relay.warning', event_id: 'e', warning })).to.deep.equal([
        { type: 'warning', ...warning },
      ])
    })

    it('decodes audio with the item that it belongs to', () => {
      const provider = ready()
      decode(provider, created('r1'))
      expect(decode(provider, audio('r1'))).to.deep.equal([
        { type: 'audio', itemId: 'item_a', data: new Uint8Array([1, 2, 3]) },
      ])
    })

    it('drops what still comes of a response that the user spoke over', () => {
      const provider = ready()
      decode(provider, created('r1'))
      expect(
        types(decode(provider, { type: 'input_audio_buffer.speech_started', event_id: 'e' })),
      ).to.deep.equal(['speech-start'])
      expect(decode(provider, audio('r1'))).to.deep.equal([])
      decode(provider, done('r1', 'cancelled'))
      decode(provider, created('r2'))
      expect(types(decode(provider, audio('r2')))).to.deep.equal(['audio'])
    })

    it('places a spoken turn before its text arrives', () => {
      const item = {
        id: 'u1',
        type: 'message',
        role: 'user',
        content: [{ type: 'input_audio', transcript: null }],
      }
      const added = { type: 'conversation.item.added', event_id: 'e', previous_item_id: 'a0', item }
      expect(decode(ready(), added)).to.deep.equal([
        { type: 'transcript', id: 'u1', role: 'user', final: false, afterId: 'a0' },
      ])
    })

    it('passes unknown messages by and warns of unreadable ones', () => {
      const provider = ready()
      expect(decode(provider, { type: 'response.something_new', event_id: 'e' })).to.deep.equal([])
      expect(types([...provider.decode('{"type":')])).to.deep.equal(['warning'])
      expect(types([...provider.decode('[1]')])).to.deep.equal(['warning'])
      expect(types([...provider.decode(new ArrayBuffer(3))])).to.deep.equal(['warning'])
      decode(provider, created('r1'))
      const place = { event_id: 'e', response_id: 'r1', item_id: 'a1', output_index: 0, content_index: 0 }
      const delta = { type: 'response.output_audio.delta', ...place, delta: 'not base64!' }
      expect(types(decode(provider, delta))).to.deep.equal(['warning'])
    })
  })

  describe('encode()', () => {
    it('asks for one response at a time and queues the next', () => {
      const provider = ready()
      const first = [...provider.encode({ type: 'text', text: 'One' })].map(parsed)
      expect(first.map((event) => (event as { type: string }).type)).to.deep.equal([
        'conversation.item.create',
        'response.create',
      ])
      expect([...provider.encode({ type: 'text', text: 'Two' })]).to.have.length(1)
      decode(provider, created('r1'))
      expect([...provider.encode({ type: 'text', text: 'Three' })]).to.have.length(1)
      expect(replies(decode(provider, done('r1')))).to.deep.equal([
        { type: 'response.create', event_id: 'create_2' },
      ])
      decode(provider, created('r2'))
      expect(replies(decode(provider, done('r2')))).to.deep.equal([])
    })

    it('queues again when the server’s own voice detection was faster', () => {
      const provider = ready()
      void [...provider.encode({ type: 'text', text: 'One' })]
      const error = { code: 'conversation_already_has_active_response', message: 'Busy' }
      expect(decode(provider, { type: 'error', event_id: 'e', error })).to.deep.equal([])
      decode(provider, created('r1'))
      expect(replies(decode(provider, done('r1')))).to.deep.equal([
        { type: 'response.create', event_id: 'create_2' },
      ])
    })

    it('says all that is to be said word for word, in order, and answers the rest at once', () => {
      const provider = ready()
      const ask = (type: 'text' | 'say', text: string) => [...provider.encode({ type, text })].map(parsed)
      ask('text', 'One')
      ask('say', 'First')
      ask('text', 'Two')
      ask('say', 'Second')
      ask('text', 'Three')
      const asked: unknown[] = []
      for (const id of ['r1', 'r2', 'r3', 'r4', 'r5']) {
        decode(provider, created(id))
        asked.push(...replies(decode(provider, done(id))).map((event) => JSON.stringify(event)))
      }
      expect(asked).to.have.length(3)
      expect(asked[0]).to.contain('First')
      expect(asked[1]).to.equal('{"type":"response.create","event_id":"create_3"}')
      expect(asked[2]).to.contain('Second')
    })

    it('keeps what waits bounded, and what was asked last', () => {
      const provider = ready()
      for (let i = 0; i < 20; i++) void [...provider.encode({ type: 'say', text: `Sentence ${i}.` })]
      const said: string[] = []
      for (let i = 0; i < 20; i++) {
        decode(provider, created(`r${i}`))
        said.push(...replies(decode(provider, done(`r${i}`))).map((event) => JSON.stringify(event)))
      }
      expect(said).to.have.length(8)
      expect(said[0]).to.contain('Sentence 12.')
      expect(said[7]).to.contain('Sentence 19.')
    })

    it('asks again in its order for what the server’s own voice detection refused', () => {
      const provider = ready()
      void [
        ...provider.encode({ type: 'say', text: 'First' }),
        ...provider.encode({ type: 'say', text: 'Second' }),
      ]
      decode(provider, created('vad'))
      const error = {
        code: 'conversation_already_has_active_response',
        message: 'Busy',
        event_id: 'create_1',
      }
      expect(decode(provider, { type: 'error', event_id: 'e', error })).to.deep.equal([])
      expect(JSON.stringify(replies(decode(provider, done('vad'))))).to.contain('First')
      decode(provider, created('r1'))
      expect(JSON.stringify(replies(decode(provider, done('r1'))))).to.contain('Second')
    })

    it('does not ask again for what was interrupted before it was refused', () => {
      const provider = ready()
      void [...provider.encode({ type: 'say', text: 'First' })]
      expect([...provider.encode({ type: 'interrupt', bySpeech: false, items: [] })]).to.deep.equal([])
      const error = {
        code: 'conversation_already_has_active_response',
        message: 'Busy',
        event_id: 'create_1',
      }
      decode(provider, { type: 'error', event_id: 'e', error })
      expect(replies(decode(provider, done('vad')))).to.deep.equal([])
    })

    it('takes an error without a name for a refusal of its request only where it may be one', () => {
      const asked = (code: string) => {
        const provider = ready()
        void [
          ...provider.encode({ type: 'say', text: 'First' }),
          ...provider.encode({ type: 'say', text: 'Second' }),
        ]
        return replies(decode(provider, { type: 'error', event_id: 'e', error: { code, message: 'No' } }))
      }
      expect(asked('item_truncate_invalid_item_id')).to.deep.equal([])
      expect(asked('server_error')).to.have.length(1)
    })

    it('ends no turn over again that the server ended by itself', () => {
      const provider = ready()
      const committed = { type: 'input_audio_buffer.committed', event_id: 'e', item_id: 'u1' }
      provider.encodeAudio(new Int16Array(2400))
      decode(provider, committed)
      expect([...provider.encode({ type: 'end-turn' })]).to.deep.equal([])
      provider.encodeAudio(new Int16Array(2400))
      const sent = [...provider.encode({ type: 'end-turn' })].map(
        (data) => (parsed(data) as { type: string }).type,
      )
      expect(sent).to.deep.equal(['input_audio_buffer.commit', 'response.create'])
    })

    it('truncates what was not heard, and never what was heard to the end', () => {
      const provider = ready()
      const items = [
        { itemId: 'heard', heardMs: 900, receivedMs: 900 },
        { itemId: 'cut', heardMs: 120, receivedMs: 900 },
        { itemId: 'unheard', heardMs: 0, receivedMs: 400 },
      ]
      expect([...provider.encode({ type: 'interrupt', bySpeech: true, items })].map(parsed)).to.deep.equal([
        { type: 'conversation.item.truncate', item_id: 'cut', content_index: 0, audio_end_ms: 120 },
        { type: 'conversation.item.truncate', item_id: 'unheard', content_index: 0, audio_end_ms: 0 },
      ])
    })

    it('cancels the active response unless the server does so itself', () => {
      const cancel = [{ type: 'response.cancel', response_id: 'r1' }]
      const byButton = ready()
      decode(byButton, created('r1'))
      expect(
        [...byButton.encode({ type: 'interrupt', bySpeech: false, items: [] })].map(parsed),
      ).to.deep.equal(cancel)
      const byServer = ready()
      decode(byServer, created('r1'))
      expect([...byServer.encode({ type: 'interrupt', bySpeech: true, items: [] })]).to.deep.equal([])
      const manual = {
        audio: { input: { turn_detection: { type: 'server_vad', interrupt_response: false } } },
      }
      const byUs = ready({}, manual)
      decode(byUs, created('r1'))
      expect([...byUs.encode({ type: 'interrupt', bySpeech: true, items: [] })].map(parsed)).to.deep.equal(
        cancel,
      )
    })
  })

  it('whileMuted is nothing while the page ends the turns', () => {
    expect(new OpenAIRealtime().whileMuted).to.equal('silence')
    const provider = new OpenAIRealtime({ turnDetection: null })
    expect(provider.whileMuted).to.equal('nothing')
    decode(provider, { type: 'session.updated', event_id: 'e', session: EFFECTIVE })
    expect(provider.whileMuted).to.equal('silence')
  })

  it('isFatalClose() knows the codes of a bad key and of the beta, and that an hour ends well', () => {
    const provider = new OpenAIRealtime()
    expect([3000, 4000, 1001, 1006].map((code) => provider.isFatalClose(code))).to.deep.equal([
      true,
      true,
      false,
      undefined,
    ])
  })

  it('encodeAudio() writes the bytes of G.711 as base64', () => {
    const event = parsed(
      new OpenAIRealtime({ inputEncoding: 'mulaw' }).encodeAudio(new Uint8Array([1, 2, 3])),
    )
    expect(event).to.deep.equal({ type: 'input_audio_buffer.append', audio: 'AQID' })
  })

  it('encodeAudio() writes little-endian samples as base64', () => {
    const event = parsed(new OpenAIRealtime().encodeAudio(new Int16Array([1, -2])))
    expect(event).to.deep.equal({ type: 'input_audio_buffer.append', audio: 'AQD+/w==' })
  })
})
