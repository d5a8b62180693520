import { expect } from 'chai'
import { DeepgramAgent, type DeepgramAgentOptions, type ProviderEvent } from '../../src/index.ts'
import { decode, parsed, replies } from '../support/collect.ts'
import { type Recorded, replayAll } from '../support/recordings.ts'

const FRESH = { history: [], resumed: false }
const types = (events: readonly ProviderEvent[]) => events.map(({ type }) => type)
const bytes = (...values: number[]) => new Uint8Array(values).buffer

function ready(): DeepgramAgent {
  const provider = new DeepgramAgent()
  void [...provider.open(FRESH)]
  decode(provider, { type: 'Welcome', request_id: 'r' })
  decode(provider, { type: 'SettingsApplied' })
  return provider
}

function itemOf(events: readonly ProviderEvent[]): string {
  const [event] = events
  if (event?.type !== 'audio') throw new Error('Expected audio')
  return event.itemId
}

describe('DeepgramAgent', () => {
  describe('recorded conversations', () => {
    const AGENT_ID = '5b2e1c9a-0000-4000-8000-000000000000'
    let recorded: Recorded

    before(async () => {
      recorded = await replayAll('deepgram-agent', {
        emulator: () => new DeepgramAgent(),
        'spoken-turn': () => new DeepgramAgent({ instructions: 'Be brief', greeting: 'Hello!' }),
        'barge-in': () => new DeepgramAgent(),
        turns: () => new DeepgramAgent(),
        tools: () => new DeepgramAgent(),
        updates: () =>
          new DeepgramAgent({
            instructions: 'Be brief',
            greeting: 'Hello!',
            think: [
              { provider: { type: 'anthropic', model: 'claude-sonnet-4-5' } },
              { provider: { type: 'open_ai', model: 'gpt-4o-mini' } },
            ],
          }),
        'text-and-injections': () =>
          new DeepgramAgent({
            history: false,
            tags: ['a'],
            mipOptOut: true,
            settings: { experimental: true },
          }),
        languages: () =>
          new DeepgramAgent({
            listen: {
              provider: { type: 'deepgram', model: 'flux-general-multi', language_hints: ['en', 'es'] },
            },
            inputEncoding: 'mulaw',
            outputEncoding: 'alaw',
            outputSampleRate: 8000,
          }),
        'stored-agent': () => new DeepgramAgent({ agentId: AGENT_ID }),
        trouble: () => new DeepgramAgent(),
      })
    })

    it('decode() makes of each server message what is committed', () => {
      expect(recorded.coverage).to.deep.equal(recorded.expected)
      expect(recorded.coverage).to.include.keys(Object.keys(recorded.protocol.server))
    })

    it('encode() sends every client message', () => {
      const { data } = new DeepgramAgent().keepAlive
      expect([...recorded.sent, JSON.parse(data).type]).to.have.members(Object.keys(recorded.protocol.client))
    })

    it('hold messages that are as the protocol has them', () => {
      expect(recorded.misfits).to.deep.equal([])
    })
  })

  it('endpoint() goes to a region, or to whoever speaks the same protocol', () => {
    expect(new DeepgramAgent({ region: 'eu' }).endpoint(null).url).to.equal(
      'wss://api.eu.deepgram.com/v1/agent/converse',
    )
    expect(new DeepgramAgent({ url: 'wss://other.test/agent' }).endpoint(null).url).to.equal(
      'wss://other.test/agent',
    )
  })

  it('constructor() refuses parts beside the id of an agent that has them', () => {
    const options = { agentId: 'a', greeting: 'Hi' } as unknown as DeepgramAgentOptions
    expect(() => new DeepgramAgent(options)).to.throw(TypeError, 'greeting must be that of the agent')
  })

  it('encode() refuses to change in part what thinks where it is not known', () => {
    const provider = new DeepgramAgent({ agentId: 'a' })
    const update = { type: 'update', id: 1, config: { instructions: 'x' } } as const
    expect(() => [...provider.encode(update)]).to.throw(TypeError, 'think must be given')
  })

  it('capabilities tell whether a turn can be ended, as long as Flux listens', () => {
    const provider = new DeepgramAgent({ listen: 'flux-general-en' })
    expect(provider.capabilities.endTurn).to.equal(true)
    void [...provider.encode({ type: 'update', id: 1, config: { listen: 'nova-3' } })]
    expect(provider.capabilities.endTurn).to.equal(false)
  })

  it('endpoint() tells a key from a short-lived token by the scheme', () => {
    const provider = new DeepgramAgent()
    expect(provider.endpoint({ type: 'api-key', value: 'k' }).protocols).to.deep.equal(['token', 'k'])
    expect(provider.endpoint({ type: 'token', value: 'j.w.t' }).protocols).to.deep.equal(['bearer', 'j.w.t'])
    expect(provider.endpoint(null)).to.deep.equal({
      url: 'wss://agent.deepgram.com/v1/agent/converse',
      protocols: [],
    })
  })

  it('decode() answers Welcome with explicit audio formats, and is ready when they are applied', () => {
    const provider = new DeepgramAgent({ instructions: 'Be brief', greeting: 'Hello!' })
    expect([...provider.open(FRESH)]).to.deep.equal([])
    expect(replies(decode(provider, { type: 'Welcome', request_id: 'r' }))).to.deep.equal([
      {
        type: 'Settings',
        audio: {
          input: { encoding: 'linear16', sample_rate: 16_000 },
          output: { encoding: 'linear16', sample_rate: 24_000, container: 'none' },
        },
        agent: {
          listen: { provider: { type: 'deepgram', model: 'nova-3' } },
          think: { provider: { type: 'open_ai', model: 'gpt-4o-mini' }, prompt: 'Be brief' },
          speak: { provider: { type: 'deepgram', model: 'aura-2-thalia-en' } },
          greeting: 'Hello!',
        },
      },
    ])
    expect(types(decode(provider, { type: 'SettingsApplied' }))).to.deep.equal(['ready'])
  })

  it('open() resumes with the history and without the greeting', () => {
    const provider = new DeepgramAgent({ greeting: 'Hello!' })
    void [...provider.open({ history: [{ role: 'user', text: 'Hi' }], resumed: true })]
    const [settings] = replies(decode(provider, { type: 'Welcome', request_id: 'r' }))
    const { agent } = settings as { agent: { greeting?: string; context: unknown } }
    expect(agent.greeting).to.equal(undefined)
    expect(agent.context).to.deep.equal({ messages: [{ type: 'History', role: 'user', content: 'Hi' }] })
  })

  it('decode() makes one entry and one item of an answer that comes in sentences', () => {
    const provider = ready()
    const item = itemOf(decode(provider, bytes(1, 2)))
    const first = decode(provider, { type: 'ConversationText', role: 'assistant', content: 'One.' })
    const second = decode(provider, { type: 'ConversationText', role: 'assistant', content: 'Two.' })
    expect(first).to.deep.equal([
      { type: 'transcript', id: item, role: 'assistant', delta: 'One.', final: true },
    ])
    expect(second).to.deep.equal([
      { type: 'transcript', id: item, role: 'assistant', delta: ' Two.', final: true },
    ])
    expect(decode(provider, { type: 'AgentAudioDone' })).to.deep.equal([
      { type: 'audio-end', itemId: item },
      { type: 'response-end', status: 'completed' },
    ])
    expect(itemOf(decode(provider, bytes(3)))).not.to.equal(item)
  })

  it('decode() drops the rest of a turn that the user spoke over, and plays the next', () => {
    const provider = ready()
    decode(provider, bytes(1))
    expect(types(decode(provider, { type: 'UserStartedSpeaking' }))).to.deep.equal([
      'speech-start',
      'audio-end',
    ])
    expect(decode(provider, bytes(2))).to.deep.equal([])
    decode(provider, { type: 'ConversationText', role: 'user', content: 'Stop' })
    expect(types(decode(provider, bytes(3)))).to.deep.equal(['audio'])
  })

  it('decode() gives text that comes after the cut to the turn that was cut', () => {
    const provider = ready()
    const item = itemOf(decode(provider, bytes(1)))
    decode(provider, { type: 'UserStartedSpeaking' })
    expect(decode(provider, { type: 'ConversationText', role: 'assistant', content: 'I was' })).to.deep.equal(
      [{ type: 'transcript', id: item, role: 'assistant', text: 'I was', final: true }],
    )
  })

  it('encode() an interruption by speech that was answered meanwhile does not silence the answer', () => {
    const provider = ready()
    decode(provider, bytes(1))
    decode(provider, { type: 'UserStartedSpeaking' })
    decode(provider, { type: 'ConversationText', role: 'user', content: 'Stop' })
    expect([...provider.encode({ type: 'interrupt', bySpeech: true, items: [] })]).to.deep.equal([])
    expect(types(decode(provider, bytes(3)))).to.deep.equal(['audio'])
  })

  it('encode() gives what is said after a turn was cut off a name of its own', () => {
    const provider = ready()
    const cut = itemOf(decode(provider, bytes(1)))
    expect([...provider.encode({ type: 'interrupt', bySpeech: false, items: [] })]).to.deep.equal([])
    expect(decode(provider, bytes(2))).to.deep.equal([])
    expect([...provider.encode({ type: 'say', text: 'Hi' })].length).to.equal(1)
    expect(itemOf(decode(provider, bytes(3)))).not.to.equal(cut)
  })

  it('encode() uses the field that each message really has', () => {
    const provider = ready()
    expect([...provider.encode({ type: 'text', text: 'Hi' })].map(parsed)).to.deep.equal([
      { type: 'InjectUserMessage', content: 'Hi' },
    ])
    expect([...provider.encode({ type: 'say', text: 'Hi' })].map(parsed)).to.deep.equal([
      { type: 'InjectAgentMessage', message: 'Hi', behavior: 'queue' },
    ])
  })

  for (const [code, expected, retryable] of [
    ['INVALID_SETTINGS', 'configuration-rejected', false],
    ['FAILED_TO_THINK', 'provider-error', false],
    ['SERVER_GOING_AWAY', 'provider-error', true],
    ['MAXIMUM_SESSION_LENGTH_REACHED', 'session-expired', true],
  ] as const) {
    it(`decode() classifies the error ${code}`, () => {
      const [event] = decode(ready(), { type: 'Error', code, description: 'No' })
      if (event?.type !== 'error') throw new Error('Expected an error')
      expect([event.fatal, event.error.code, event.error.retryable]).to.deep.equal([
        true,
        expected,
        retryable,
      ])
    })
  }

  it('decode() passes unknown messages by', () => {
    expect(decode(ready(), { type: 'SomethingNew' })).to.deep.equal([])
  })

  it('encodeAudio() sends the bytes of the samples', () => {
    const data = new DeepgramAgent().encodeAudio(new Int16Array([1, -2]))
    expect([...(data as Uint8Array)]).to.deep.equal([1, 0, 254, 255])
  })
})
