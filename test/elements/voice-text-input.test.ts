import { emulateMedia, sendKeys } from '@web/test-runner-commands'
import { expect } from 'chai'
import type { VoiceAgent, VoiceTextInput } from '../../elements/index.ts'
import { itNeeds } from '../support/abilities.ts'
import '../../elements/index.ts'
import { createScripted, ready, ScriptedProvider, stopScripted } from '../support/scripted-provider.ts'
import { ScriptedSocket } from '../support/scripted-socket.ts'
import { audit, deep, inBothSchemes, mount, mountAgent, next, settled } from './fixture.ts'
import { mountScripted, openBy, reached } from './scripted-agent.ts'

const TAG = '<voice-text-input></voice-text-input>'
const field = (root: Element): HTMLTextAreaElement => deep(root, 'textarea')
const button = (root: Element): HTMLButtonElement => deep(root, 'button')

/** Types as a user does. */
async function type(root: Element, text: string): Promise<void> {
  field(root).focus()
  await sendKeys({ type: text })
}

/** Resolved when nothing is on its way any more, sent or not. */
async function done(root: Element): Promise<void> {
  await settled(root)
  if (!field(root).readOnly) return
  await new Promise<void>((resolve) => {
    const observer = new MutationObserver(() => {
      observer.disconnect()
      resolve()
    })
    observer.observe(field(root), { attributeFilter: ['readonly'] })
  })
}

afterEach(stopScripted)

describe('<voice-text-input>', () => {
  it('passes an audit without a session, empty, full and sending, light and dark', () =>
    inBothSchemes(async () => {
      const element = await mount<VoiceTextInput>(TAG)
      await audit(element)
      element.session = createScripted()
      await audit(element)
      await type(element, 'Hello')
      await audit(element)
      const dialled = ScriptedSocket.next()
      await sendKeys({ press: 'Enter' })
      await dialled
      await audit(element)
      await stopScripted()
    }))

  it('sends by Enter and by its button, and is empty then', async () => {
    const agent = await mountScripted(TAG)
    const socket = await openBy(() => agent.start())
    await reached(agent, 'open')
    await type(agent, 'Hello')
    await sendKeys({ press: 'Enter' })
    expect(await socket.whenSent('text')).to.deep.equal({ type: 'text', text: 'Hello' })
    await done(agent)
    expect(field(agent).value).to.equal('')
    await type(agent, 'Goodbye')
    button(agent).click()
    expect(await socket.whenSent('text')).to.deep.equal({ type: 'text', text: 'Goodbye' })
  })

  it('makes a line by Shift and Enter, grows with it up to a few, and shrinks when it is sent', async () => {
    const agent = await mountScripted(TAG)
    const socket = await openBy(() => agent.start())
    await reached(agent, 'open')
    const heights = [field(agent).offsetHeight]
    await type(agent, 'One')
    for (let line = 0; line < 9; line++) {
      await sendKeys({ press: 'Shift+Enter' })
      heights.push(field(agent).offsetHeight)
    }
    expect(field(agent).value).to.equal(`One${'\n'.repeat(9)}`)
    expect(heights[1]).to.be.greaterThan(heights[0] ?? 0)
    expect(heights[9]).to.equal(heights[5])
    await sendKeys({ press: 'Enter' })
    expect(await socket.whenSent('text')).to.include({ text: 'One' })
    await done(agent)
    expect(field(agent).offsetHeight).to.equal(heights[0])
  })

  it('grows by itself where the style sheet cannot say it', async () => {
    const { supports } = CSS
    CSS.supports = () => false
    const sheet = new CSSStyleSheet()
    sheet.replaceSync('voice-text-input::part(field) { field-sizing: fixed }')
    document.adoptedStyleSheets = [sheet]
    try {
      const agent = await mountScripted(TAG)
      await type(agent, 'One')
      const height = field(agent).offsetHeight
      await sendKeys({ press: 'Shift+Enter' })
      expect(field(agent).offsetHeight).to.be.within(height + 20, height + 28)
      await sendKeys({ press: 'Backspace' })
      expect(field(agent).offsetHeight).to.equal(height)
    } finally {
      CSS.supports = supports
      document.adoptedStyleSheets = []
    }
  })

  it('sends nothing where nothing is written, and starts nothing', async () => {
    const agent = await mountScripted(TAG)
    await type(agent, '  ')
    await sendKeys({ press: 'Enter' })
    button(agent).click()
    await settled(agent)
    expect(agent.session).to.equal(null)
  })

  for (const how of [{ isComposing: true }, { keyCode: 229 }]) {
    it(`leaves an Enter to the input method: ${Object.keys(how)}`, async () => {
      const agent = await mountScripted(TAG)
      await type(agent, 'にほん')
      const enter = new KeyboardEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true, ...how })
      field(agent).dispatchEvent(enter)
      await settled(agent)
      expect([enter.defaultPrevented, agent.session]).to.deep.equal([false, null])
    })
  }

  it('starts a conversation first, and keeps the text in sight until it is sent', async () => {
    const agent = await mountScripted(TAG)
    await type(agent, 'Hello')
    const dialled = ScriptedSocket.next()
    await sendKeys({ press: 'Enter' })
    const socket = await dialled
    await settled(agent)
    expect([field(agent).value, field(agent).readOnly]).to.deep.equal(['Hello', true])
    expect(button(agent).ariaBusy).to.equal('true')
    // A second Enter is not a second message.
    await sendKeys({ press: 'Enter' })
    ready(socket)
    expect(await socket.whenSent('text')).to.include({ text: 'Hello' })
    await done(agent)
    await settled(agent)
    expect([field(agent).value, field(agent).readOnly]).to.deep.equal(['', false])
    expect(socket.texts.filter((message) => message.type === 'text')).to.have.length(1)
  })

  it('has the text again where the start fails', async () => {
    const agent = await mountAgent('', TAG)
    agent.getToken = () => Promise.reject(new Error('Signed out'))
    await type(agent, 'Hello')
    const failed = next(agent, 'error')
    await sendKeys({ press: 'Enter' })
    await failed
    await done(agent)
    await settled(agent)
    expect([field(agent).value, field(agent).readOnly]).to.deep.equal(['Hello', false])
  })

  it('sends when a line that was lost is there again', async () => {
    const agent = await mountScripted(TAG)
    agent.sessionOptions = { ...agent.sessionOptions, reconnect: { initialMs: 1, maxMs: 1 } }
    const first = await openBy(() => agent.start())
    await reached(agent, 'open')
    await type(agent, 'Still there?')
    const dialled = ScriptedSocket.next()
    first.drop(1006)
    await reached(agent, 'reconnecting')
    await sendKeys({ press: 'Enter' })
    await settled(agent)
    expect(field(agent).value).to.equal('Still there?')
    const second = ready(await dialled)
    expect(await second.whenSent('text')).to.include({ text: 'Still there?' })
  })

  it('has the text again where a lost line cannot be had any more', async () => {
    const agent = await mountScripted(TAG)
    const socket = await openBy(() => agent.start())
    await reached(agent, 'open')
    await type(agent, 'Still there?')
    socket.drop(1006)
    await reached(agent, 'reconnecting')
    await sendKeys({ press: 'Enter' })
    await agent.stop()
    await done(agent)
    await settled(agent)
    expect([field(agent).value, field(agent).readOnly]).to.deep.equal(['Still there?', false])
  })

  it('sends in a session set by hand, without an agent', async () => {
    const element = await mount<VoiceTextInput>(TAG)
    element.session = createScripted()
    await settled(element)
    await type(element, 'Hello')
    const socket = await openBy(() => button(element).click())
    expect(await socket.whenSent('text')).to.include({ text: 'Hello' })
  })

  it('can do nothing without a conversation, or where the provider takes no text', async () => {
    const element = await mount<VoiceTextInput>(TAG)
    expect([field(element).disabled, button(element).disabled]).to.deep.equal([true, true])
    element.session = createScripted({ provider: new ScriptedProvider({ capabilities: { text: false } }) })
    await settled(element)
    expect([field(element).disabled, button(element).disabled]).to.deep.equal([true, true])
  })

  it('submits no form around it', async () => {
    const form = await mount<HTMLFormElement>(
      `<form><voice-agent>${TAG}</voice-agent><button>Go</button></form>`,
    )
    let submitted = false
    form.addEventListener('submit', (event) => {
      event.preventDefault()
      submitted = true
    })
    await settled(form)
    const element = form.querySelector('voice-text-input') as VoiceTextInput
    await type(element, 'Hello')
    await sendKeys({ press: 'Enter' })
    button(element).click()
    expect([submitted, new FormData(form).has('')]).to.deep.equal([false, false])
    await form.querySelector<VoiceAgent>('voice-agent')?.stop()
  })

  it('is named by its placeholder, its button by a word', async () => {
    const agent = await mountAgent('', '<voice-text-input placeholder="Ask about trains"></voice-text-input>')
    expect([field(agent).placeholder, field(agent).ariaLabel]).to.deep.equal(
      Array(2).fill('Ask about trains'),
    )
    expect(button(agent).ariaLabel).to.equal('Send')
    const element = agent.querySelector('voice-text-input') as VoiceTextInput
    element.removeAttribute('placeholder')
    agent.strings = { write: 'Schreib etwas', send: 'Senden' }
    await settled(agent)
    expect([field(agent).ariaLabel, button(agent).ariaLabel]).to.deep.equal(['Schreib etwas', 'Senden'])
  })

  it('keeps what is written when it moves to another agent, and sends it there', async () => {
    const agent = await mountScripted(TAG)
    await type(agent, 'Hello')
    const element = agent.querySelector('voice-text-input') as VoiceTextInput
    const other = document.createElement('voice-agent')
    other.provider = new ScriptedProvider()
    other.getToken = () => 'token'
    other.sessionOptions = agent.sessionOptions
    document.body.append(other)
    other.append(element)
    await settled(other)
    const socket = await openBy(() => button(other).click())
    expect(await socket.whenSent('text')).to.include({ text: 'Hello' })
    expect(agent.session).to.equal(null)
  })

  itNeeds('emulated media features, for which its driver has no command')(
    'has its button at the end of the line in either direction, and borders in forced colours',
    async () => {
      const agent = await mountAgent('dir="rtl"', TAG)
      expect(button(agent).getBoundingClientRect().x).to.be.lessThan(field(agent).getBoundingClientRect().x)
      expect(getComputedStyle(button(agent)).borderTopWidth).to.equal('0px')
      await emulateMedia({ forcedColors: 'active' })
      expect(getComputedStyle(button(agent)).borderTopWidth).to.equal('1px')
      await emulateMedia({ forcedColors: 'none' })
    },
  )
})
