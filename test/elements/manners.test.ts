import { expect } from 'chai'
import type { VoiceAgent } from '../../elements/index.ts'
import '../../elements/index.ts'
import {
  answer,
  deep,
  deepAll,
  mount,
  mountAgent,
  next,
  open,
  SCRIPTED,
  scriptedSession,
  settled,
  words,
} from './fixture.ts'

/** What a page and its window are listened to by, from `act` on, and still are after it. */
async function listenersLeftBy(act: () => Promise<void>): Promise<string[]> {
  const { addEventListener, removeEventListener } = EventTarget.prototype
  const left: { target: EventTarget; type: string; listener: unknown }[] = []
  const shared: readonly EventTarget[] = [window, document, document.body, navigator.mediaDevices]
  const forget = (target: EventTarget, type: string, listener: unknown): void => {
    const at = left.findIndex(
      (one) => one.target === target && one.type === type && one.listener === listener,
    )
    if (at >= 0) left.splice(at, 1)
  }
  EventTarget.prototype.addEventListener = function (this: EventTarget, type, listener, options) {
    if (shared.includes(this ?? window)) {
      left.push({ target: this ?? window, type, listener })
      const signal = typeof options === 'object' ? options.signal : undefined
      signal?.addEventListener('abort', () => forget(this ?? window, type, listener))
    }
    return addEventListener.call(this, type, listener, options)
  }
  EventTarget.prototype.removeEventListener = function (this: EventTarget, type, listener, options) {
    forget(this ?? window, type, listener)
    return removeEventListener.call(this, type, listener, options)
  }
  try {
    await act()
  } finally {
    Object.assign(EventTarget.prototype, { addEventListener, removeEventListener })
  }
  return left.map(({ type }) => type)
}

/** Makes an element an agent whose provider is the test. */
function scripted(agent: VoiceAgent): VoiceAgent {
  return Object.assign(agent, { sessionOptions: SCRIPTED, getToken: () => 'token' })
}

/** A page inside the page. */
async function frame(): Promise<Document> {
  const embed = document.createElement('iframe')
  const loaded = next(embed, 'load')
  embed.srcdoc = '<!doctype html><title>Inside</title>'
  document.body.append(embed)
  await loaded
  return embed.contentDocument as Document
}

/** Talks once, and fails unless the element shows it. */
async function works(agent: VoiceAgent): Promise<void> {
  const socket = await open(scripted(agent))
  answer(socket, 'a1', 'Here')
  await settled(agent)
  expect(words(deep(agent, '[part~=entry]'))).to.equal('Agent Here')
  await agent.stop()
}

describe('<voice-agent> made in any way a page has', () => {
  for (const [name, make] of Object.entries<() => VoiceAgent>({
    'new': () => new (customElements.get('voice-agent') as new () => VoiceAgent)(),
    createElement: () => document.createElement('voice-agent'),
    cloneNode: () => {
      const original = Object.assign(document.createElement('voice-agent'), { model: 'm' })
      return original.cloneNode(true) as VoiceAgent
    },
    'importNode of a template': () => {
      const template = document.createElement('template')
      template.innerHTML = '<voice-agent></voice-agent>'
      return document.importNode(template.content, true).firstElementChild as VoiceAgent
    },
    setHTMLUnsafe: () => {
      const div = document.createElement('div')
      div.setHTMLUnsafe('<voice-agent></voice-agent>')
      return div.firstElementChild as VoiceAgent
    },
  })) {
    it(`works: ${name}`, async () => {
      const agent = make()
      expect(agent.shadowRoot?.childElementCount ?? 0).to.equal(0)
      document.body.append(agent)
      await settled(agent)
      await works(agent)
    })
  }

  it('a constructor adds nothing to the element, as HTML demands', () => {
    const agent = document.createElement('voice-agent')
    expect(agent.attributes.length).to.equal(0)
    expect(agent.childNodes.length).to.equal(0)
  })

  it('a clone has the attributes, and not the conversation or the key', async () => {
    const agent = await mountAgent('model="m" muted')
    agent.apiKey = 'secret'
    agent.session = scriptedSession()
    const clone = agent.cloneNode(true) as VoiceAgent
    expect(clone.outerHTML).to.equal('<voice-agent model="m" muted=""></voice-agent>')
    expect([clone.model, clone.muted, clone.apiKey, clone.session]).to.deep.equal(['m', true, null, null])
  })
})

describe('<voice-agent> anywhere in a page', () => {
  it('works in a shadow root of another element', async () => {
    const host = await mount<HTMLElement>('<div></div>')
    const root = host.attachShadow({ mode: 'open' })
    root.innerHTML = '<voice-agent></voice-agent>'
    const agent = root.querySelector('voice-agent') as VoiceAgent
    await works(agent)
    agent.remove()
  })

  it('works in a dialog, whose closing does not end the conversation', async () => {
    const dialog = await mount<HTMLDialogElement>('<dialog><voice-agent></voice-agent></dialog>')
    const agent = dialog.querySelector('voice-agent') as VoiceAgent
    dialog.showModal()
    await open(scripted(agent))
    dialog.close()
    expect(agent.session?.state).to.equal('open')
    dialog.showModal()
    expect(getComputedStyle(deep(agent, '[part=panel]')).borderRadius).to.equal('20px')
    await agent.stop()
  })

  it('keeps its conversation with moveBefore', async () => {
    const agent = await mountAgent()
    const socket = await open(agent)
    const main = document.createElement('main')
    document.body.append(main)
    const { moveBefore } = main as HTMLElement & { moveBefore?(node: Node, child: Node | null): void }
    if (moveBefore) moveBefore.call(main, agent, null)
    else main.append(agent)
    await settled(agent)
    expect(agent.session?.state).to.equal('open')
    answer(socket, 'a1', 'Still here')
    await settled(agent)
    expect(words(deep(agent, '[part~=entry]'))).to.equal('Agent Still here')
  })

  it('has its looks in another document that it was not made in', async () => {
    const inner = await frame()
    const agent = document.createElement('voice-agent')
    inner.body.append(agent)
    await settled(agent)
    const view = inner.defaultView as Window
    expect(view.getComputedStyle(deep(agent, '[part=panel]')).borderRadius).to.equal('20px')
    await works(agent)
  })

  it('keeps looks and conversation when it is adopted by another document, and back', async () => {
    const agent = await mountAgent()
    const socket = await open(agent)
    const inner = await frame()
    for (const target of [inner, document]) {
      target.body.append(target.adoptNode(agent))
      await settled(agent)
      const view = target.defaultView as Window
      expect(view.getComputedStyle(deep(agent, '[part=panel]')).borderRadius).to.equal('20px')
      expect(view.getComputedStyle(deep(agent, '[part=meter]')).display).to.equal('flex')
      expect(agent.session?.state).to.equal('open')
    }
    answer(socket, 'a1', 'Back')
    await settled(agent)
    expect(words(deep(agent, '[part~=entry]'))).to.equal('Agent Back')
  })
})

describe('<voice-text-input>', () => {
  it('keeps what it loaded later when it is adopted by another document', async () => {
    const agent = await mountAgent('', '<voice-text-input></voice-text-input>')
    const inner = await frame()
    inner.body.append(inner.adoptNode(agent))
    await settled(agent)
    const view = inner.defaultView as Window
    expect(view.getComputedStyle(deep(agent, 'textarea')).resize).to.equal('none')
  })
})

describe('<voice-agent keep-alive>', () => {
  it('keeps its conversation out of the page until stop()', async () => {
    const agent = await mountAgent('keep-alive')
    const socket = await open(agent)
    agent.remove()
    await Promise.resolve()
    await new Promise(requestAnimationFrame)
    expect(agent.session?.state).to.equal('open')
    answer(socket, 'a1', 'While away')
    document.body.append(agent)
    await settled(agent)
    expect(words(deep(agent, '[part~=entry]'))).to.equal('Agent While away')
    agent.remove()
    await agent.stop()
    expect(socket.closedWith).to.equal(1000)
  })

  it('is a property that is reflected, and asked when the element is gone', async () => {
    const agent = await mountAgent()
    expect(agent.keepAlive).to.equal(false)
    agent.keepAlive = true
    await agent.updateComplete
    expect(agent.hasAttribute('keep-alive')).to.equal(true)
    agent.keepAlive = false
    const socket = await open(agent)
    const closed = new Promise<void>((resolve) =>
      agent.addEventListener('statechange', ({ detail }) => detail.state === 'closed' && resolve()),
    )
    agent.remove()
    await closed
    expect(socket.closedWith).to.equal(1000)
  })
})

describe('<voice-agent> that is gone', () => {
  for (const keep of ['', 'keep-alive']) {
    it(`leaves no listener on page or window ${keep}`, async () => {
      const left = await listenersLeftBy(async () => {
        const agent = await mountAgent(keep)
        await open(agent)
        await agent.stop()
        agent.remove()
        await Promise.resolve()
        document.body.append(agent)
        await settled(agent)
        agent.remove()
        await Promise.resolve()
      })
      expect(left).to.deep.equal([])
    })
  }

  it('leaves no listener where it was adopted by another document', async () => {
    const inner = await frame()
    const left = await listenersLeftBy(async () => {
      const agent = document.createElement('voice-agent')
      document.body.append(agent)
      await settled(agent)
      inner.body.append(inner.adoptNode(agent))
      await settled(agent)
      agent.remove()
    })
    expect(left).to.deep.equal([])
  })

  it('is a test that can fail: the page is listened to while there are controls', async () => {
    const left = await listenersLeftBy(async () => {
      await mountAgent()
    })
    expect(new Set(left)).to.deep.equal(new Set(['context-provider']))
    expect(left).to.have.length(
      deepAll(document.body, 'voice-agent')
        .flatMap((agent) => deepAll(agent, '*'))
        .filter(({ localName }) => localName.startsWith('voice-')).length,
    )
  })
})
