import { expect } from 'chai'
import type { VoiceAgent, VoiceStatus } from '../../elements/index.ts'
import '../../elements/index.ts'
import { type VoiceError, VoiceSession } from '../../src/index.ts'
import { ScriptedSocket } from '../support/scripted-socket.ts'
import {
  answer,
  audit,
  deep,
  deepAll,
  inBothSchemes,
  mount,
  mountAgent,
  next,
  open,
  question,
  SCRIPTED,
  scriptedSession,
  settled,
  words,
} from './fixture.ts'

/** @returns What nobody caught of what `act` started. */
async function unhandledRejections(act: () => void): Promise<unknown[]> {
  const reasons: unknown[] = []
  const onrejection = (event: PromiseRejectionEvent): void => void reasons.push(event.reason)
  window.addEventListener('unhandledrejection', onrejection)
  act()
  // A browser tells of a rejection in a task of its own, before the page is painted twice.
  await new Promise(requestAnimationFrame)
  await new Promise(requestAnimationFrame)
  window.removeEventListener('unhandledrejection', onrejection)
  return reasons
}

describe('<voice-agent> accessibility', () => {
  it('passes an audit before a conversation, light and dark', () =>
    inBothSchemes(async () => audit(await mountAgent())))

  it('passes an audit in a conversation, light and dark', () =>
    inBothSchemes(async () => {
      const agent = await mountAgent()
      const socket = await open(agent)
      question(socket, 'u1', 'What is this?')
      answer(socket, 'a1', 'A test.')
      agent.muted = true
      await audit(agent)
      await agent.stop()
    }))

  it('passes an audit when it failed, light and dark', () =>
    inBothSchemes(async () => {
      const agent = await mountAgent()
      const socket = await open(agent)
      const failed = next(agent, 'error')
      socket.drop(4401, 'No')
      await failed
      await audit(agent)
    }))

  it('passes an audit when it is not set up, light and dark', () =>
    inBothSchemes(async () => {
      const agent = await mount('<voice-agent></voice-agent>')
      await agent.start().catch(() => {})
      await audit(agent)
    }))
})

describe('<voice-agent> settings', () => {
  it('reach OpenAI', async () => {
    const agent = await mountAgent(
      'model="gpt-realtime-mini" voice="cedar" instructions="Be brief" greeting="Hi" lang="de-AT"',
    )
    const socket = await open(agent)
    expect(new URL(socket.url).searchParams.get('model')).to.equal('gpt-realtime-mini')
    expect(socket.protocols).to.deep.equal(['realtime', 'openai-insecure-api-key.token'])
    const [update, create] = socket.texts as unknown as [
      {
        session: {
          instructions: string
          audio: { output: { voice: string }; input: { transcription: { language: string } } }
        }
      },
      { type: string; response: { instructions: string } },
    ]
    expect(update.session.instructions).to.equal('Be brief')
    expect(update.session.audio.output.voice).to.equal('cedar')
    expect(update.session.audio.input.transcription.language).to.equal('de')
    expect(create.type).to.equal('response.create')
    expect(create.response.instructions).to.match(/: Hi$/)
  })

  for (const name of ['deepgram', 'deepgram-agent']) {
    it(`reach Deepgram as ${name}`, async () => {
      const agent = await mountAgent(
        `provider="${name}" model="gpt-5-mini" voice="aura-2-x" instructions="Be brief" greeting="Hi" lang="de"`,
      )
      const dialled = ScriptedSocket.next()
      void agent.start()
      const socket = (await dialled).accept().say({ type: 'Welcome' })
      expect(socket.protocols).to.deep.equal(['bearer', 'token'])
      const [settings] = socket.texts as unknown as [
        {
          agent: {
            greeting: string
            think: { prompt: string; provider: { model: string } }
            speak: { provider: { model: string } }
            listen: { provider: { language: string } }
          }
        },
      ]
      expect(settings.agent.greeting).to.equal('Hi')
      expect(settings.agent.think.prompt).to.equal('Be brief')
      expect(settings.agent.think.provider.model).to.equal('gpt-5-mini')
      expect(settings.agent.speak.provider.model).to.equal('aura-2-x')
      expect(settings.agent.listen.provider.language).to.equal('de')
    })
  }

  it('take effect at the next start', async () => {
    const agent = await mountAgent('model="first"')
    await open(agent)
    const { session } = agent
    await agent.stop()
    agent.model = 'second'
    const socket = await open(agent)
    expect(new URL(socket.url).searchParams.get('model')).to.equal('second')
    expect(agent.session).not.to.equal(session)
    expect(agent.session?.transcript).to.deep.equal([])
  })

  it('fetch a ticket for the relay from token-endpoint', async () => {
    const asked: { url: string; body: unknown }[] = []
    const original = globalThis.fetch
    globalThis.fetch = async (url, init) => {
      asked.push({ url: String(url), body: JSON.parse(String(init?.body)) })
      return Response.json({ token: 'ticket', expiresIn: 60, mode: 'relay' })
    }
    try {
      const agent = await mount(
        '<voice-agent proxy-endpoint="/relay/" token-endpoint="/token"></voice-agent>',
      )
      agent.sessionOptions = SCRIPTED
      const socket = await open(agent)
      expect(asked).to.deep.equal([{ url: '/token', body: { provider: 'openai', use: 'relay' } }])
      expect(new URL(socket.url).pathname).to.equal('/relay/v1/realtime')
      expect(socket.protocols).to.deep.equal(['realtime', 'openai-insecure-api-key.ticket'])
    } finally {
      globalThis.fetch = original
    }
  })

  it('put the ticket into the query with token-transport="query"', async () => {
    const agent = await mountAgent('proxy-endpoint="/relay/" token-transport="query"')
    const socket = await open(agent)
    expect(new URL(socket.url).searchParams.get('token')).to.equal('token')
    expect(socket.protocols).to.deep.equal(['realtime'])
  })

  it('are reflected, but for those that are secret or long', async () => {
    const agent = await mountAgent()
    expect(agent.provider).to.equal('openai-realtime')
    expect(agent.hasAttribute('provider')).to.equal(false)
    Object.assign(agent, { provider: 'deepgram', model: 'm', voice: 'v', proxyEndpoint: '/r/', apiKey: 'k' })
    agent.instructions = 'Long'
    await agent.updateComplete
    const { attributes } = agent
    expect(Object.fromEntries([...attributes].map(({ name, value }) => [name, value]))).to.deep.equal({
      provider: 'deepgram',
      model: 'm',
      voice: 'v',
      'proxy-endpoint': '/r/',
    })
  })
})

describe('<voice-agent> that is not set up', () => {
  const relay = 'proxy-endpoint="/"'
  for (const [attributes, message] of [
    ['', 'current value is none'],
    ['api-key="sk-secret" proxy-endpoint="/"', 'current value is api-key and proxy-endpoint'],
    ['api-key="sk-secret" token-endpoint="/t"', 'current value is api-key and token-endpoint'],
    [`${relay} provider="acme"`, 'current value is acme'],
  ] as const) {
    it(`says so with ${attributes || 'no attributes'}`, async () => {
      const agent = await mount(`<voice-agent ${attributes}></voice-agent>`)
      const told = next<TypeError>(agent, 'error')
      const unhandled = await unhandledRejections(() => void agent.start())
      expect(unhandled).to.deep.equal([])
      const { detail } = await told
      expect(detail).to.be.instanceOf(TypeError)
      expect(detail.message).to.include(message).and.not.include('sk-secret')
      await settled(agent)
      expect(words(deep(agent, '[part=problem]'))).to.equal(detail.message)
      expect(words(deep(agent, '[role=status]'))).to.equal('Not set up yet')
      expect(agent.matches(':state(error)')).to.equal(true)
      expect(agent.session).to.equal(null)
    })
  }

  it('rejects to who waits, and works once it is set up', async () => {
    const agent = await mount('<voice-agent></voice-agent>')
    const failure = await agent.start().catch((error: unknown) => error)
    expect(failure).to.be.instanceOf(TypeError)
    agent.sessionOptions = SCRIPTED
    agent.getToken = () => 'token'
    await open(agent)
    expect(deepAll(agent, '[part=problem]')).to.deep.equal([])
    expect(agent.matches(':state(error)')).to.equal(false)
  })
})

describe('<voice-agent> start and stop', () => {
  it('goes through its states', async () => {
    const agent = await mountAgent()
    expect(agent.matches(':state(closed):state(idle)')).to.equal(true)
    const states: string[] = []
    agent.addEventListener('statechange', ({ detail }) => {
      states.push(detail.state)
      expect(agent.matches(`:state(${detail.state})`)).to.equal(true)
    })
    await open(agent)
    expect(agent.matches(':state(listening)')).to.equal(true)
    await agent.stop()
    expect(states).to.deep.equal(['connecting', 'open', 'closing', 'closed'])
    expect(agent.matches(':state(open)')).to.equal(false)
  })

  it('tells a failed start once, as an event and to who waits', async () => {
    const agent = await mountAgent()
    const told: Error[] = []
    agent.addEventListener('error', ({ detail }) => told.push(detail))
    const dialled = ScriptedSocket.next()
    const starts = [agent.start(), agent.start()]
    ;(await dialled).accept().drop(4401, 'No')
    const [first, second] = await Promise.allSettled(starts)
    expect(first).to.have.nested.property('reason.code', 'unauthorized')
    expect(second).to.have.nested.property('reason.code', 'unauthorized')
    expect(told.map((error) => (error as VoiceError).code)).to.deep.equal(['unauthorized'])
    await settled(agent)
    expect(words(deep(agent, '[part=hint]'))).to.equal((told[0] as VoiceError).hint)
  })

  it('stop() while connecting is no error', async () => {
    const agent = await mountAgent()
    let errors = 0
    agent.addEventListener('error', () => errors++)
    const dialled = ScriptedSocket.next()
    const started = agent.start()
    const socket = await dialled
    await agent.stop()
    expect(await started.catch((error: DOMException) => error.name)).to.equal('AbortError')
    expect(socket.closedWith).to.equal(1000)
    expect(errors).to.equal(0)
  })

  it('starts anew after a stop that is not done yet', async () => {
    const agent = await mountAgent()
    await open(agent)
    const { session } = agent
    const stopped = agent.stop()
    await open(agent)
    await stopped
    expect(agent.session).not.to.equal(session)
    expect([session?.state, agent.session?.state]).to.deep.equal(['closed', 'open'])
  })
})

describe('<voice-agent> events', () => {
  it('carry what the session says, and bubble but for error and message', async () => {
    const agent = await mountAgent()
    const outside: string[] = []
    const inside: string[] = []
    const names = ['statechange', 'agentstatechange', 'transcript', 'warning', 'error', 'message']
    for (const name of names) {
      document.body.addEventListener(name, () => outside.push(name))
      agent.addEventListener(name, () => inside.push(name))
    }
    const socket = await open(agent)
    const said = next<{ entry: { text: string } }>(agent, 'transcript')
    answer(socket, 'a1', 'Hello')
    expect((await said).composed).to.equal(true)
    expect(agent.session?.transcript.at(-1)?.text).to.equal('Hello')
    const warned = next<{ code: string }>(agent, 'warning')
    socket.drop(1006)
    expect((await warned).detail.code).to.equal('connection-lost')
    const failed = next<VoiceError>(agent, 'error')
    const again = await ScriptedSocket.next()
    again.accept().drop(4401)
    expect((await failed).detail.code).to.equal('unauthorized')
    expect(new Set(inside)).to.deep.equal(new Set(names))
    expect(new Set(outside)).to.deep.equal(new Set(names.slice(0, 4)))
  })
})

describe('<voice-agent> sound', () => {
  it('muted is an attribute, a property, and what the session is', async () => {
    const agent = await mountAgent('muted')
    expect(agent.muted).to.equal(true)
    await open(agent)
    expect(agent.session?.muted).to.equal(true)
    expect(agent.matches(':state(muted)')).to.equal(true)
    agent.removeAttribute('muted')
    expect(agent.session?.muted).to.equal(false)
    agent.muted = true
    expect(agent.hasAttribute('muted')).to.equal(true)
    expect(agent.session?.muted).to.equal(true)
  })

  it('volume is kept for the session to come', async () => {
    const agent = await mountAgent()
    expect(agent.volume).to.equal(1)
    agent.volume = 0.25
    await open(agent)
    expect(agent.session?.volume).to.equal(0.25)
    agent.volume = 0.5
    expect(agent.session?.volume).to.equal(0.5)
    expect(() => {
      agent.volume = 2
    }).to.throw(RangeError, 'current value is 2')
  })
})

describe('<voice-agent> session', () => {
  it('is null before the first start', async () => {
    const agent = await mountAgent()
    expect(agent.session).to.equal(null)
    await open(agent)
    expect(agent.session).to.be.instanceOf(VoiceSession)
  })

  it('may be set, is then used for each start, and keeps its own sound', async () => {
    const agent = await mount('<voice-agent></voice-agent>')
    const session = scriptedSession()
    session.muted = true
    session.volume = 0.5
    agent.session = session
    expect(agent.muted).to.equal(true)
    expect(agent.volume).to.equal(0.5)
    await open(agent)
    await agent.stop()
    await open(agent)
    expect(agent.session).to.equal(session)
    expect(session.state).to.equal('open')
  })

  it('may be replaced in mid-conversation: the one made here ends, events come from the new one', async () => {
    const agent = await mountAgent()
    const socket = await open(agent)
    const session = scriptedSession()
    agent.session = session
    expect(socket.closedWith).to.equal(1000)
    expect(agent.matches(':state(closed)')).to.equal(true)
    const opened = next<{ state: string }>(agent, 'statechange')
    await open(session)
    expect((await opened).detail.state).to.equal('connecting')
    agent.session = null
    expect(session.state).to.equal('open')
    expect(agent.matches(':state(closed)')).to.equal(true)
    agent.addEventListener('statechange', () => expect.fail('An event of a session that was taken away'))
    await session.stop()
  })
})

describe('<voice-agent> in the page', () => {
  it('keeps its conversation when it moves', async () => {
    const agent = await mountAgent()
    const socket = await open(agent)
    document.body.append(document.createElement('main'))
    document.querySelector('main')?.append(agent)
    await settled(agent)
    expect(agent.session?.state).to.equal('open')
    expect(socket.closedWith).to.equal(null)
    answer(socket, 'a1', 'Still here')
    await settled(agent)
    expect(words(deep(agent, '[part~=entry]'))).to.equal('Agent Still here')
  })

  it('ends its conversation when it is removed, and works when it comes back', async () => {
    const agent = await mountAgent()
    const socket = await open(agent)
    const closed = new Promise<void>((resolve) => {
      agent.addEventListener('statechange', ({ detail }) => detail.state === 'closed' && resolve())
    })
    agent.remove()
    await closed
    expect(socket.closedWith).to.equal(1000)
    document.body.append(agent)
    const again = await open(agent)
    answer(again, 'a1', 'Back')
    await settled(agent)
    expect(words(deep(agent, '[part~=entry]'))).to.equal('Agent Back')
  })

  it('opens nothing when it is removed while it fetches a token', async () => {
    const agent = await mountAgent()
    const asked = Promise.withResolvers<void>()
    const token = Promise.withResolvers<string>()
    agent.getToken = () => {
      asked.resolve()
      return token.promise
    }
    const started = agent.start()
    await asked.promise
    agent.remove()
    expect(await started.catch((error: DOMException) => error.name)).to.equal('AbortError')
    token.resolve('token')
    await agent.stop()
    expect(ScriptedSocket.dialled).to.deep.equal([])
  })

  it('does not meet another one', async () => {
    await mount('<div><voice-agent id="a"></voice-agent><voice-agent id="b"></voice-agent></div>')
    const [a, b] = document.querySelectorAll('voice-agent') as unknown as [VoiceAgent, VoiceAgent]
    for (const agent of [a, b]) Object.assign(agent, { sessionOptions: SCRIPTED, getToken: () => 'token' })
    const [socketA, socketB] = [await open(a), await open(b)]
    answer(socketA, 'x', 'I am a')
    answer(socketB, 'x', 'I am b')
    deep<HTMLButtonElement>(a, '[part=button][aria-pressed]').click()
    await a.stop()
    await settled(document.body)
    expect([a, b].map((agent) => words(deep(agent, '[part~=entry]')))).to.deep.equal([
      'Agent I am a',
      'Agent I am b',
    ])
    expect([a.muted, b.muted]).to.deep.equal([true, false])
    expect([a.session?.state, b.session?.state]).to.deep.equal(['closed', 'open'])
  })

  it('is what a control obeys that moves into it', async () => {
    await mount(
      '<div><voice-agent><voice-status></voice-status></voice-agent><voice-agent id="b"></voice-agent></div>',
    )
    const [a, b] = document.querySelectorAll('voice-agent') as unknown as [VoiceAgent, VoiceAgent]
    for (const agent of [a, b]) Object.assign(agent, { sessionOptions: SCRIPTED, getToken: () => 'token' })
    await open(a)
    const status = document.querySelector('voice-status') as VoiceStatus
    expect(status.session).to.equal(a.session)
    status.remove()
    expect(status.session).to.equal(null)
    b.append(status)
    await settled(b)
    expect(words(deep(status, '[role=status]'))).to.equal('Ready')
    await open(b)
    await a.stop()
    await settled(b)
    expect(words(deep(status, '[role=status]'))).to.equal('Connected')
  })

  it('has its default controls with nothing but white space and comments inside', async () => {
    const agent = await mountAgent('', '\n <!-- nothing --> \n')
    expect(deepAll(agent, 'voice-start-button')).to.have.length.greaterThan(0)
  })

  it('has its default controls replaced by children, also by those that come later', async () => {
    const agent = await mountAgent('', '<voice-status></voice-status>')
    expect(agent.shadowRoot?.querySelector('voice-start-button')).to.equal(null)
    expect(agent.shadowRoot?.querySelector('voice-status')).to.equal(null)
    agent.replaceChildren()
    await next(agent.shadowRoot?.querySelector('slot') as Element, 'slotchange')
    await agent.updateComplete
    expect(agent.shadowRoot?.querySelector('voice-start-button')).not.to.equal(null)
  })

  it('is not reached by the page’s own rules', async () => {
    const sheet = new CSSStyleSheet()
    sheet.replaceSync(
      '* { color: rgb(1 2 3); font: italic 40px/3 fantasy; letter-spacing: 9px; text-transform: uppercase; text-align: right }',
    )
    const look = (agent: Element): string[] =>
      deepAll(agent, 'button, [part=message], [part=empty]').map((element) => {
        const { color, font, letterSpacing, textTransform, textAlign } = getComputedStyle(element)
        return [color, font, letterSpacing, textTransform, textAlign].join()
      })
    const plain = look(await mountAgent())
    document.adoptedStyleSheets = [sheet]
    try {
      expect(look(await mountAgent())).to.deep.equal(plain)
    } finally {
      document.adoptedStyleSheets = []
    }
    expect(plain).to.have.length.greaterThan(3)
  })

  it('takes its looks from custom properties', async () => {
    const agent = await mountAgent()
    agent.style.setProperty('--voicewire-accent', 'rgb(1 2 3)')
    agent.style.setProperty('--voicewire-font-size', '20px')
    const button = deep(agent, 'button.start')
    expect(getComputedStyle(button).backgroundColor).to.equal('rgb(1, 2, 3)')
    expect(getComputedStyle(button).fontSize).to.equal('20px')
  })

  it('speaks other words', async () => {
    const agent = await mountAgent()
    agent.strings = { start: 'Gespräch beginnen', closed: 'Bereit' }
    await settled(agent)
    expect(words(deep(agent, 'button.start'))).to.equal('Gespräch beginnen')
    expect(words(deep(agent, '[role=status]'))).to.equal('Bereit')
    expect(words(deep(agent, '[aria-pressed]'))).to.equal('Mute')
  })
})
