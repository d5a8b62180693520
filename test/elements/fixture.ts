import type axe from 'axe-core'
import { expect } from 'chai'
import type { LitElement } from 'lit'
import type { VoiceAgent } from '../../elements/index.ts'
import { OpenAIRealtime, VoiceSession } from '../../src/index.ts'
import { ScriptedSocket } from '../support/scripted-socket.ts'

/** Puts markup on an empty page. */
export async function mount<T extends Element = VoiceAgent>(markup: string): Promise<T> {
  document.body.innerHTML = markup
  const element = document.body.firstElementChild as T
  await settled(element)
  return element
}

/** Waits until an element and those inside it have rendered. */
export async function settled(root: Element): Promise<void> {
  for (const element of [root, ...deepAll(root, '*')]) await (element as Partial<LitElement>).updateComplete
}

/** Like `querySelectorAll`, in shadow roots too. */
export function deepAll(root: Element | ShadowRoot, selector: string): HTMLElement[] {
  // Not by `instanceof`: the element may be of another page.
  const inside = 'shadowRoot' in root && root.shadowRoot ? [root.shadowRoot, root] : [root]
  return inside.flatMap((tree) =>
    [...tree.querySelectorAll<HTMLElement>('*')].flatMap((element) => [
      ...(element.matches(selector) ? [element] : []),
      ...(element.shadowRoot ? deepAll(element.shadowRoot, selector) : []),
    ]),
  )
}

/** The one element that matches, in shadow roots too. */
export function deep<T extends HTMLElement = HTMLElement>(root: Element, selector: string): T {
  const found = [...new Set(deepAll(root, selector))]
  expect(found.length, selector).to.equal(1)
  return found[0] as T
}

/** The words that a reader sees, without those hidden from the eye or the white space of templates. */
export function words(element: Element): string {
  return (element.textContent ?? '').replace(/\s+/g, ' ').trim()
}

/** @returns The next event of a name. */
export function next<T = unknown>(target: EventTarget, name: string): Promise<CustomEvent<T>> {
  return new Promise((resolve) =>
    target.addEventListener(name, (event) => resolve(event as CustomEvent<T>), { once: true }),
  )
}

/** Options that put the test in the provider's place. */
export const SCRIPTED = { input: 'none', WebSocket: ScriptedSocket.asWebSocket } as const

/** A session without a microphone whose provider is the test. */
export function scriptedSession(): VoiceSession {
  return new VoiceSession({ ...SCRIPTED, provider: new OpenAIRealtime(), getToken: () => 'token' })
}

/** An agent on an empty page whose provider is the test. */
export async function mountAgent(attributes = '', children = ''): Promise<VoiceAgent> {
  const agent = await mount(`<voice-agent ${attributes}>${children}</voice-agent>`)
  agent.getToken = () => 'token'
  agent.sessionOptions = SCRIPTED
  return agent
}

/** Starts and answers as OpenAI does, until the session is open. */
export async function open(target: { start(): Promise<void> }): Promise<ScriptedSocket> {
  const dialled = ScriptedSocket.next()
  const started = target.start()
  const socket = (await dialled).accept().say({ type: 'session.created' })
  socket.say({ type: 'session.updated', session: {} })
  await started
  if (target instanceof Element) await settled(target)
  return socket
}

/** Makes the agent say something in text, in one piece. */
export function answer(socket: ScriptedSocket, id: string, text: string): void {
  socket.say({ type: 'conversation.item.added', item: { id, type: 'message', role: 'assistant' } })
  socket.say({ type: 'response.output_audio_transcript.done', item_id: id, transcript: text })
}

/** Lets the agent hear something, in one piece; `after` is the item that came before. */
export function question(socket: ScriptedSocket, id: string, text: string, after?: string): void {
  const item = { id, type: 'message', role: 'user' }
  socket.say({ type: 'conversation.item.added', item, previous_item_id: after ?? null })
  socket.say({
    type: 'conversation.item.input_audio_transcription.completed',
    item_id: id,
    transcript: text,
  })
}

/** Fails with what a browser's accessibility tree has wrong. */
export async function audit(element: Element): Promise<void> {
  await import('/node_modules/axe-core/axe.min.js' as string)
  await settled(element)
  // Colours on their way from one to another are nobody's choice.
  const animations = deepAll(element, '*').flatMap((inner) => inner.getAnimations())
  const transitions = animations.filter((animation) => animation instanceof CSSTransition)
  await Promise.allSettled(transitions.map(({ finished }) => finished))
  const { axe: auditor } = globalThis as unknown as { axe: typeof axe }
  const { violations, passes } = await auditor.run(element, {
    rules: { region: { enabled: false }, 'page-has-heading-one': { enabled: false } },
  })
  const faults = violations.map(
    ({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.html} ${node.failureSummary}`).join(' ')}`,
  )
  expect(faults).to.deep.equal([])
  expect(passes.length).to.be.greaterThan(2)
}

/** Runs a test on a light and on a dark page. */
export async function inBothSchemes(run: () => Promise<void>): Promise<void> {
  for (const scheme of ['light', 'dark']) {
    document.documentElement.style.colorScheme = scheme
    document.documentElement.style.background = scheme === 'dark' ? '#101218' : '#fff'
    await run()
  }
  document.documentElement.removeAttribute('style')
}

afterEach(async () => {
  const agents = document.querySelectorAll('voice-agent')
  document.body.replaceChildren()
  await Promise.all([...agents].map((agent) => agent.stop()))
  ScriptedSocket.reset()
})
