import { expect } from 'chai'
import { OpenAIRealtime, type OpenAIRealtimeOptions, type ProviderEvent } from '../../src/index.ts'
import { decode, parsed, replies } from '../support/collect.ts'

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

describe('OpenAIRealtime', () => {
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
  })

  describe('decode()', () => {
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

  it('encodeAudio() writes little-endian samples as base64', () => {
    const event = parsed(new OpenAIRealtime().encodeAudio(new Int16Array([1, -2])))
    expect(event).to.deep.equal({ type: 'input_audio_buffer.append', audio: 'AQD+/w==' })
  })
})
