import { expect } from 'chai'
import type { VoiceAgent } from '../../elements/index.ts'
import '../../elements/index.ts'
import { loadAdapter, loadedAdapter } from '../../elements/internal/adapters.ts'
import { until } from '../support/events.ts'
import { ScriptedSocket } from '../support/scripted-socket.ts'
import { deep, mountAgent, next, SCRIPTED, settled, words } from './fixture.ts'

// The order matters: an adapter that was loaded once is there for the rest of the page.

/** An agent that has not had a moment to load anything. */
function insertAgent(provider: string, options: object = {}): VoiceAgent {
  const agent = document.createElement('voice-agent')
  Object.assign(agent, { provider, getToken: () => 'token', sessionOptions: { ...SCRIPTED, ...options } })
  document.body.append(agent)
  return agent
}

/** The contexts that are made from now on, until `restore`. */
function watchContexts(): { made: AudioContext[]; restore: () => void } {
  const made: AudioContext[] = []
  const original = globalThis.AudioContext
  globalThis.AudioContext = class extends original {
    constructor(options?: AudioContextOptions) {
      super(options)
      made.push(this)
    }
  }
  return {
    made,
    restore: () => {
      globalThis.AudioContext = original
    },
  }
}

function readyOpenAI(socket: ScriptedSocket): void {
  socket.accept().say({ type: 'session.created' }).say({ type: 'session.updated', session: {} })
}

describe('<voice-agent> whose adapter is still on its way when it is started', () => {
  let contexts: ReturnType<typeof watchContexts>
  beforeEach(() => {
    contexts = watchContexts()
  })
  afterEach(() => contexts.restore())

  it('makes its context in the gesture, uses no other, and closes it with the session', async () => {
    expect(loadedAdapter('openai-realtime')).to.equal(null)
    const dialled = ScriptedSocket.next()
    const agent = insertAgent('openai-realtime')
    const started = agent.start()
    const [context] = contexts.made
    expect(context).to.be.instanceOf(AudioContext)
    expect(agent.session).to.equal(null)
    readyOpenAI(await dialled)
    await started
    expect(agent.session?.state).to.equal('open')
    expect(contexts.made.length).to.equal(1)
    expect(context?.state).to.equal('running')
    await agent.stop()
    await until(() => context?.state === 'closed')
    // The same session, started by the page: it makes a context of its own.
    const again = ScriptedSocket.next()
    const restarted = agent.session?.start()
    readyOpenAI(await again)
    await restarted
    expect(contexts.made.length).to.equal(2)
  })

  it('opens nothing where it is stopped, and is no error', async () => {
    expect(loadedAdapter('deepgram')).to.equal(null)
    const agent = insertAgent('deepgram')
    agent.addEventListener('error', () => expect.fail('It was stopped'))
    const starts = [agent.start(), agent.start()]
    expect(contexts.made.length).to.equal(1)
    await agent.stop()
    for (const result of await Promise.allSettled(starts)) {
      expect(result).to.have.nested.property('reason.name', 'AbortError')
    }
    await loadAdapter('deepgram')
    await until(() => contexts.made[0]?.state === 'closed')
    expect(ScriptedSocket.dialled).to.deep.equal([])
    expect(agent.session).to.equal(null)
  })

  it('shows that it connects, and lets two starts share one session', async () => {
    expect(loadedAdapter('deepgram-listen')).to.equal(null)
    const dialled = ScriptedSocket.next()
    const agent = insertAgent('deepgram-listen')
    const starts = [agent.start(), agent.start()]
    await settled(agent)
    expect(loadedAdapter('deepgram-listen')).to.equal(null)
    expect(words(deep(agent, 'button.cancel'))).to.equal('Cancel')
    expect(words(deep(agent, '[role=status]'))).to.equal('Connecting…')
    ;(await dialled).accept()
    await Promise.all(starts)
    expect(agent.session?.state).to.equal('open')
    expect(ScriptedSocket.dialled.length).to.equal(1)
    expect(contexts.made.length).to.equal(1)
  })

  it('uses a context of the page, and leaves it open', async () => {
    expect(loadedAdapter('deepgram-flux')).to.equal(null)
    const audioContext = new AudioContext()
    const dialled = ScriptedSocket.next()
    const agent = insertAgent('deepgram-flux', { audioContext })
    const started = agent.start()
    ;(await dialled).accept().say({ type: 'Connected' })
    await started
    await agent.stop()
    expect(contexts.made).to.deep.equal([audioContext])
    expect(audioContext.state).to.equal('running')
    await audioContext.close()
  })
})

describe('<voice-agent> whose adapter is there', () => {
  it('has its session as soon as it is started', async () => {
    const agent = await mountAgent('provider="deepgram-listen"')
    await loadAdapter('deepgram-listen')
    const dialled = ScriptedSocket.next()
    void agent.start()
    expect(agent.session?.state).to.equal('connecting')
    await dialled
  })

  it('says so where the provider is unknown', async () => {
    const agent = await mountAgent('provider="acme"')
    const told = next<TypeError>(agent, 'error')
    void agent.start()
    expect((await told).detail.message).to.match(
      /openai-realtime, deepgram-agent, .*: current value is acme$/,
    )
  })
})

describe('<voice-agent> that only listens', () => {
  const dialled = async (attributes: string): Promise<ScriptedSocket> => {
    const agent = await mountAgent(attributes)
    const next = ScriptedSocket.next()
    void agent.start()
    return next
  }

  it('reaches Deepgram’s speech to text, and writes down what it hears', async () => {
    const agent = await mountAgent(
      'provider="deepgram-listen" model="nova-2" lang="de" voice="v" instructions="Be brief" greeting="Hi"',
    )
    const next = ScriptedSocket.next()
    const started = agent.start()
    const socket = (await next).accept()
    await started
    const { pathname, searchParams } = new URL(socket.url)
    expect(pathname).to.equal('/v1/listen')
    expect(Object.fromEntries(searchParams)).to.include({ model: 'nova-2', language: 'de' })
    expect(socket.texts).to.deep.equal([])
    const spoken = [{ word: 'hallo', punctuated_word: 'Hallo', start: 0, end: 0.5, confidence: 1 }]
    socket.say({
      type: 'Results',
      channel_index: [0, 1],
      is_final: true,
      speech_final: true,
      start: 0,
      duration: 1,
      channel: { alternatives: [{ transcript: 'Hallo', confidence: 1, words: spoken }] },
    })
    await settled(agent)
    expect(words(deep(agent, '[part=text]'))).to.equal('Hallo')
  })

  for (const [attributes, expected] of [
    ['', { model: 'flux-general-en' }],
    ['lang="en-GB"', { model: 'flux-general-en' }],
    ['lang="de-AT"', { model: 'flux-general-multi', language_hint: 'de' }],
    ['lang="en" model="flux-general-multi"', { model: 'flux-general-multi', language_hint: 'en' }],
    ['model="flux-general-en" lang="de"', { model: 'flux-general-en' }],
  ] as const) {
    it(`reaches Flux with ${attributes || 'no attributes'}`, async () => {
      const socket = await dialled(`provider="deepgram-flux" ${attributes}`)
      const { pathname, searchParams } = new URL(socket.url)
      expect(pathname).to.equal('/v2/listen')
      expect(Object.fromEntries(searchParams)).to.include(expected)
      expect(searchParams.has('language_hint')).to.equal('language_hint' in expected)
    })
  }
})
