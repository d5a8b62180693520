import { html, type LitElement, nothing, type TemplateResult } from 'lit'
import type { VoiceSession } from '../../src/index.ts'
import type { ConversationMode } from './conversation.ts'
import type { Gate } from './gate.ts'
import { chevron, cross, voice } from './icons.ts'
import type { Strings } from './localization.ts'

/** How a `<voice-agent>` stands on its page. */
export type AgentLayout = 'inline' | 'panel' | 'floating' | 'bar' | 'orb'

/** What is shown of a `<voice-agent>` itself. */
interface ShownAgent extends LitElement {
  readonly layout: AgentLayout
  readonly mode: ConversationMode
  readonly pushToTalk: boolean
  readonly debug: boolean
  readonly session: VoiceSession | null
  /** Whether what opens and closes is open. */
  open: boolean
}

/** What an agent shows. */
export interface AgentView {
  readonly agent: ShownAgent
  readonly gate: Gate
  readonly words: Strings
  /** Whether a session is being connected or connected. */
  readonly active: boolean
  /** Whether the page gives controls of its own. */
  readonly composed: boolean
  /** What the page's author has to correct; empty where nothing. */
  readonly problem: string
}

const status = html`<voice-status 
  exportparts="status, indicator, message, hint, activity, recovery, recovery-title, steps, step, solved, retry-button, type-button"
></voice-status>`
const meter = html`<voice-meter exportparts="meter, bar"></voice-meter>`
const picture = html`<voice-orb exportparts="orb, halo, ball"></voice-orb>`
const transcript = html`<voice-transcript
  exportparts="transcript, empty, entry, user, assistant, speaker, text, interrupted"
></voice-transcript>`
const speak = html`<voice-start-button exportparts="button: start-button, icon"></voice-start-button
  ><voice-mute-button exportparts="button: mute-button, icon"></voice-mute-button>`
const end = html`<voice-start-button compact exportparts="button: start-button, icon"></voice-start-button>`
const talk = html`<voice-talk-button exportparts="button: talk-button, icon"></voice-talk-button>`
const input = html`<voice-text-input exportparts="input, field, send-button, icon"></voice-text-input>`

/** Everything in an agent's shadow root. */
export function renderAgent(view: AgentView): TemplateResult {
  return html`${arrange(view)}${view.agent.debug ? html`<voice-debug></voice-debug>` : nothing}`
}

function arrange(view: AgentView): TemplateResult {
  const { agent, words, gate, composed } = view
  const { layout, session } = agent
  const empty = session?.transcript.length ? '' : 'empty'
  switch (layout) {
    case 'floating':
      return html`<div class="root floating" role="region" aria-label=${words.agent}>
        ${launcher(view)}
        <div class="dialog card panel ${empty}" part="panel" popover="manual" role="dialog" tabindex="-1" aria-label=${words.agent}>
          <div class="header" part="header">${status}${closeButton(view)}</div>
          ${content(view, html`${sound(view)}${transcript}${controls(view)}`)}
        </div>
      </div>`
    case 'bar':
      return html`<div class="root bar" part="panel" role="region" aria-label=${words.agent}>
        ${content(view, bar(view))}
      </div>`
    default: {
      // No root around what is the page's own, which keeps the page's looks.
      const bare = composed && !gate.step
      const look = layout === 'orb' && !gate.step ? 'orb' : `card ${empty}`
      const defaults =
        layout === 'orb' ? orb(view) : html`${status}${sound(view)}${transcript}${controls(view)}`
      return html`<div class=${bare ? '' : `root ${look} ${layout}`} part="panel">${content(view, defaults)}</div>`
    }
  }
}

/** The page's own controls or else the default ones, unless the user is asked for something first. */
function content(view: AgentView, defaults: TemplateResult): TemplateResult {
  const { agent, gate, composed, problem } = view
  return html`<slot ?hidden=${gate.step} @slotchange=${() => agent.requestUpdate()}></slot>
    ${problem && html`<p class="root problem" part="problem" role="alert">${problem}</p>`}
    ${gate.step ? question(view) : composed ? nothing : defaults}`
}

/** Where there is room, the orb greets the user, and makes way for what is said. */
function sound({ agent: { mode, layout } }: AgentView): TemplateResult | typeof nothing {
  return mode === 'text' ? nothing : layout === 'inline' ? meter : picture
}

/** In text, and where a button is held to talk, what is used starts the conversation as well. */
function controls({ agent: { mode, pushToTalk }, active }: AgentView): TemplateResult {
  const typing = mode === 'text'
  return html`<div class="controls ${mode}" part="controls">
    ${typing ? input : pushToTalk ? talk : speak}
    <voice-mode-button exportparts="button: mode-button, icon"></voice-mode-button>
    ${active && (typing || pushToTalk) ? end : nothing}
  </div>`
}

function question({ agent: { layout }, words, gate }: AgentView): TemplateResult {
  return html`<div class=${layout === 'bar' ? 'gate card' : 'gate'} part="gate" role="group" tabindex="-1" aria-label=${words.agent}>
    <div class="question">
      ${gate.step === 'consent' ? html`<slot name="consent"></slot>` : html`<slot name="pre-prompt">${words.prePrompt}</slot>`}
    </div>
    <div class="controls">
      <button class="text-button primary" part="agree-button" type="button" @click=${() => gate.agree()}>${words.agree}</button>
      <button class="text-button" part="decline-button" type="button" @click=${() => gate.decline()}>${words.decline}</button>
    </div>
  </div>`
}

function launcher({ agent, words }: AgentView): TemplateResult {
  return html`<button
    class="launcher primary"
    part="launcher"
    type="button"
    aria-haspopup="dialog"
    aria-expanded=${agent.open}
    @click=${() => toggle(agent)}
  >
    <slot name="launcher"><span class="icon">${agent.open ? cross : voice}</span></slot>
    <span class="unseen">${agent.open ? words.close : words.show}</span>
  </button>`
}

function closeButton({ agent, words }: AgentView): TemplateResult {
  return html`<button class="icon-button" part="close-button" type="button" title=${words.close} @click=${() => toggle(agent)}>
    ${cross}<span class="unseen">${words.close}</span>
  </button>`
}

function bar(view: AgentView): TemplateResult {
  const { agent, words } = view
  return html`<div class="sheet card" part="sheet" id="sheet" ?hidden=${!agent.open}>${transcript}</div>
    <div class="line">
      ${status}${agent.mode === 'voice' ? meter : nothing}
      <button
        class="icon-button chevron"
        part="transcript-button"
        type="button"
        title=${words.showTranscript}
        aria-expanded=${agent.open}
        aria-controls="sheet"
        @click=${() => toggle(agent)}
      >
        ${chevron}<span class="unseen">${words.showTranscript}</span>
      </button>
      ${controls(view)}
    </div>`
}

function orb(view: AgentView): TemplateResult {
  return html`${picture}${status}${view.agent.mode === 'text' ? transcript : nothing}${controls(view)}`
}

function toggle(agent: ShownAgent): void {
  agent.open = !agent.open
}
