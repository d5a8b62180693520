import { emulateMedia, resetMouse, sendKeys, sendMouse } from '@web/test-runner-commands'
import { expect } from 'chai'
import type { VoiceAgent, VoiceTalkButton } from '../../elements/index.ts'
import { itNeeds } from '../support/abilities.ts'
import '../../elements/index.ts'
import { createScripted, ready, startScripted, stopScripted } from '../support/scripted-provider.ts'
import { ScriptedSocket } from '../support/scripted-socket.ts'
import { audit, deep, inBothSchemes, mount, mountAgent, next, settled, words } from './fixture.ts'
import { countListeners } from './listeners.ts'
import { mountScripted, openBy, reached } from './scripted-agent.ts'

const TAG = '<voice-talk-button></voice-talk-button>'
const button = (root: Element): HTMLButtonElement => deep(root, 'button')

function center(root: Element): [number, number] {
  const { x, y, width, height } = button(root).getBoundingClientRect()
  return [Math.round(x + width / 2), Math.round(y + height / 2)]
}

async function mouseDown(root: Element): Promise<void> {
  await sendMouse({ type: 'move', position: center(root) })
  await sendMouse({ type: 'down' })
}

/** Whether it is shown as pressed, and whether the microphone is muted. */
async function read(root: VoiceAgent | VoiceTalkButton): Promise<[boolean, boolean | undefined]> {
  await settled(root)
  const pressed = button(root).ariaPressed === 'true'
  const element = root.matches('voice-talk-button') ? root : root.querySelector('voice-talk-button')
  expect(element?.matches(':state(pressed)')).to.equal(pressed)
  return [pressed, root.session?.muted]
}

const HELD = [true, false]
const RELEASED = [false, true]

/** An agent whose session is open, and what it says. */
async function mountOpen(capabilities = {}): Promise<{ agent: VoiceAgent; socket: ScriptedSocket }> {
  const agent = await mountScripted(TAG, capabilities)
  const socket = await openBy(() => agent.start())
  await reached(agent, 'open')
  return { agent, socket }
}

const sent = ({ texts }: ScriptedSocket): unknown[] => texts.slice(1).map(({ type }) => type)

afterEach(async () => {
  await resetMouse()
  await stopScripted()
})

describe('<voice-talk-button>', () => {
  it('passes an audit without a session, released and held, light and dark', () =>
    inBothSchemes(async () => {
      const element = await mount<VoiceTalkButton>(TAG)
      await audit(element)
      const { session } = await startScripted()
      element.session = session
      await audit(element)
      button(element).click()
      expect(await read(element)).to.deep.equal(HELD)
      await audit(element)
      await stopScripted()
    }))

  it('mutes before the first press, in an agent and for a session set by hand', async () => {
    const agent = await mountAgent('', TAG)
    expect(agent.muted).to.equal(true)
    const element = await mount<VoiceTalkButton>(TAG)
    const session = createScripted()
    element.session = session
    await settled(element)
    expect(session.muted).to.equal(true)
  })

  it('opens the microphone while the mouse holds it, wherever that moves, and ends the turn', async () => {
    const { agent, socket } = await mountOpen()
    expect(await read(agent)).to.deep.equal(RELEASED)
    await mouseDown(agent)
    expect(await read(agent)).to.deep.equal(HELD)
    await sendMouse({ type: 'move', position: [700, 500] })
    expect(await read(agent)).to.deep.equal(HELD)
    expect(sent(socket)).to.deep.equal([])
    await sendMouse({ type: 'up' })
    expect(await read(agent)).to.deep.equal(RELEASED)
    expect(sent(socket)).to.deep.equal(['end-turn'])
  })

  itNeeds('a menu of the right button that a driver can close')(
    'takes the other buttons of a mouse for what they are',
    async () => {
      const { agent } = await mountOpen()
      await sendMouse({ type: 'move', position: center(agent) })
      await sendMouse({ type: 'down', button: 'right' })
      expect(await read(agent)).to.deep.equal(RELEASED)
      await sendMouse({ type: 'up', button: 'right' })
    },
  )

  for (const key of ['Space', 'Enter']) {
    itNeeds('keys held down, for which the runner has no command')(
      `opens the microphone while ${key} is held, once`,
      async () => {
        const { agent, socket } = await mountOpen()
        agent.querySelector('voice-talk-button')?.focus()
        await sendKeys({ down: key })
        await sendKeys({ down: key })
        expect(await read(agent)).to.deep.equal(HELD)
        await sendKeys({ up: key })
        expect(await read(agent)).to.deep.equal(RELEASED)
        expect(sent(socket)).to.deep.equal(['end-turn'])
      },
    )
  }

  it('leaves keys with others to the browser', async () => {
    const { agent } = await mountOpen()
    const chord = new KeyboardEvent('keydown', { key: 'Enter', ctrlKey: true, cancelable: true })
    button(agent).dispatchEvent(chord)
    expect(await read(agent)).to.deep.equal(RELEASED)
    expect(chord.defaultPrevented).to.equal(false)
  })

  const ENDS: Readonly<Record<string, (agent: VoiceAgent) => unknown>> = {
    'is cancelled': (agent) => button(agent).dispatchEvent(new PointerEvent('pointercancel')),
    'loses the pointer': (agent) => button(agent).dispatchEvent(new PointerEvent('lostpointercapture')),
    // Firefox does not always tell a page of it while another one runs.
    'loses the focus': (agent) =>
      navigator.userAgent.includes('Firefox')
        ? button(agent).dispatchEvent(new FocusEvent('blur'))
        : button(agent).blur(),
    'opens a menu': (agent) => button(agent).dispatchEvent(new PointerEvent('contextmenu')),
    'is hidden with the page': () => document.dispatchEvent(new Event('visibilitychange')),
    'leaves the page': (agent) => agent.querySelector('voice-talk-button')?.remove(),
  }
  for (const [what, end] of Object.entries(ENDS)) {
    it(`ends a press that ${what}`, async () => {
      const { agent, socket } = await mountOpen()
      button(agent).focus()
      await mouseDown(agent)
      expect(await read(agent)).to.deep.equal(HELD)
      end(agent)
      expect(agent.muted).to.equal(true)
      expect(sent(socket)).to.deep.equal(['end-turn'])
    })
  }

  it('lets a finger press long, and shows it no menu', async () => {
    const { agent } = await mountOpen()
    const target = button(agent)
    // A finger that the browser knows nothing of cannot be captured.
    target.setPointerCapture = () => {}
    const finger = { pointerType: 'touch', isPrimary: true, pressure: 0.5, width: 20, height: 20 }
    target.dispatchEvent(new PointerEvent('pointerdown', finger))
    const menu = new PointerEvent('contextmenu', { ...finger, cancelable: true })
    target.dispatchEvent(menu)
    expect(menu.defaultPrevented).to.equal(true)
    expect(await read(agent)).to.deep.equal(HELD)
    target.dispatchEvent(new PointerEvent('pointerup', finger))
    expect(await read(agent)).to.deep.equal(RELEASED)
  })

  it('is switched by clicks that come without a hold', async () => {
    const { agent, socket } = await mountOpen()
    button(agent).click()
    expect(await read(agent)).to.deep.equal(HELD)
    button(agent).dispatchEvent(new FocusEvent('blur'))
    expect(await read(agent)).to.deep.equal(HELD)
    button(agent).click()
    expect(await read(agent)).to.deep.equal(RELEASED)
    expect(sent(socket)).to.deep.equal(['end-turn'])
  })

  it('is switched by a screen reader that makes a press without size of a click', async () => {
    const { agent } = await mountOpen()
    const touch = { isPrimary: true, pointerType: 'touch', width: 0, height: 0, detail: 1 }
    for (const expected of [HELD, RELEASED]) {
      button(agent).dispatchEvent(new PointerEvent('pointerdown', touch))
      button(agent).dispatchEvent(new PointerEvent('pointerup', touch))
      button(agent).dispatchEvent(new PointerEvent('click', touch))
      expect(await read(agent)).to.deep.equal(expected)
    }
  })

  it('cuts an agent off that is at its turn', async () => {
    const { agent, socket } = await mountOpen()
    const thinking = next(agent, 'agentstatechange')
    socket.say({ type: 'thinking' })
    await thinking
    button(agent).click()
    expect(await socket.whenSent('interrupt')).to.include({ bySpeech: false })
  })

  it('does not end turns of a provider that cannot be told', async () => {
    const { agent, socket } = await mountOpen({ endTurn: false })
    await mouseDown(agent)
    await sendMouse({ type: 'up' })
    expect(await read(agent)).to.deep.equal(RELEASED)
    expect(sent(socket)).to.deep.equal([])
  })

  it('starts a conversation where there is none, and is heard when it is ready and still held', async () => {
    const agent = await mountScripted(TAG)
    const dialled = ScriptedSocket.next()
    await mouseDown(agent)
    ready(await dialled)
    await reached(agent, 'open')
    expect(await read(agent)).to.deep.equal(HELD)
    await sendMouse({ type: 'up' })
    expect(await read(agent)).to.deep.equal(RELEASED)
  })

  it('is muted when the conversation is ready and it is not held any more', async () => {
    const agent = await mountScripted(TAG)
    const dialled = ScriptedSocket.next()
    await mouseDown(agent)
    await sendMouse({ type: 'up' })
    const socket = ready(await dialled)
    await reached(agent, 'open')
    expect(await read(agent)).to.deep.equal(RELEASED)
    expect(sent(socket)).to.deep.equal([])
  })

  it('is released where the start fails, and where the conversation ends', async () => {
    const agent = await mountScripted(TAG)
    agent.getToken = () => Promise.reject(new Error('Signed out'))
    const failed = next(agent, 'error')
    await mouseDown(agent)
    await failed
    expect(await read(agent)).to.deep.equal(RELEASED)
    await sendMouse({ type: 'up' })
    agent.getToken = () => 'token'
    await openBy(() => button(agent).click())
    await reached(agent, 'open')
    expect(await read(agent)).to.deep.equal(HELD)
    await agent.stop()
    expect(await read(agent)).to.deep.equal(RELEASED)
  })

  it('mutes a session that is taken away while it is held', async () => {
    const { session } = await startScripted()
    const element = await mount<VoiceTalkButton>(TAG)
    element.session = session
    await settled(element)
    await mouseDown(element)
    expect(session.muted).to.equal(false)
    element.session = null
    await settled(element)
    expect(session.muted).to.equal(true)
    expect(button(element).ariaPressed).to.equal('false')
  })

  it('keeps its name while it shows what its slots say', async () => {
    const agent = await mountScripted('<voice-talk-button><b slot="talking">Let go</b></voice-talk-button>')
    const [talk, talking] = [deep(agent, '.talk'), deep(agent, '.talking')]
    expect(words(talk)).to.equal('Hold to talk')
    expect([getComputedStyle(talk).opacity, getComputedStyle(talking).opacity]).to.deep.equal(['1', '0'])
    await openBy(() => button(agent).click())
    await settled(agent)
    expect([getComputedStyle(talk).opacity, getComputedStyle(talking).opacity]).to.deep.equal(['0', '1'])
    expect([talk.ariaHidden, talking.ariaHidden]).to.deep.equal([null, 'true'])
    expect(talking.querySelector('slot')?.assignedElements()[0]?.textContent).to.equal('Let go')
  })

  it('can be held by what is in its slot', async () => {
    const agent = await mountScripted('<voice-talk-button><b slot="talk">Talk</b></voice-talk-button>')
    await openBy(() => agent.start())
    await reached(agent, 'open')
    const { x, y } = (agent.querySelector('b') as HTMLElement).getBoundingClientRect()
    await sendMouse({ type: 'move', position: [Math.round(x + 4), Math.round(y + 4)] })
    await sendMouse({ type: 'down' })
    expect(await read(agent)).to.deep.equal(HELD)
    await sendMouse({ type: 'up' })
    expect(await read(agent)).to.deep.equal(RELEASED)
  })

  it('listens to the page while it is in it, and can do nothing without a conversation', async () => {
    using listeners = countListeners(document)
    const element = await mount<VoiceTalkButton>(TAG)
    expect(button(element).disabled).to.equal(true)
    expect(listeners.count()).to.be.greaterThan(0)
    element.remove()
    expect(listeners.count()).to.equal(0)
  })

  itNeeds('emulated media features, for which its driver has no command')(
    'is told from its surroundings in forced colours',
    async () => {
      const { agent } = await mountOpen()
      await emulateMedia({ forcedColors: 'active' })
      const color = (): string => getComputedStyle(button(agent)).backgroundColor
      const before = color()
      button(agent).click()
      await settled(agent)
      expect(color()).not.to.equal(before)
      await emulateMedia({ forcedColors: 'none' })
    },
  )
})
