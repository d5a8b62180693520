import type { LitElement } from 'lit'
import type { ConversationMode } from './conversation.ts'
import { Gate, type GateStep } from './gate.ts'
import { MicrophonePermission } from './microphone-permission.ts'

/** What the gate needs of its `<voice-agent>`. */
interface GatedAgent extends LitElement {
  consented: boolean
  readonly prePrompt: boolean
  readonly mode: ConversationMode
}

/** The gate of a `<voice-agent>`: what the page has its users agree to, and what is said before the browser asks. */
export class AgentGate {
  readonly #host: GatedAgent
  readonly #gate: Gate
  readonly #permission = new MicrophonePermission()

  constructor(host: GatedAgent) {
    this.#host = host
    this.#gate = new Gate(() => host.requestUpdate())
  }

  /** What the user is asked for now; null where nothing is. */
  get step(): GateStep | null {
    return this.#gate.step
  }

  /** Whether there is something that the user has not agreed to. */
  get asksConsent(): boolean {
    return !this.#host.consented && [...this.#host.children].some(({ slot }) => slot === 'consent')
  }

  /** Finds out ahead of the start whether the browser will ask for the microphone. */
  prepare(): void {
    this.#permission.ask()
  }

  /** @returns As `Gate.pass`. */
  pass(): Promise<void> | null {
    const { prePrompt, mode } = this.#host
    const steps: GateStep[] = []
    if (this.asksConsent) steps.push('consent')
    if (prePrompt && mode === 'voice' && !this.#permission.granted) steps.push('microphone')
    return this.#gate.pass(steps)
  }

  agree(): void {
    if (this.step === 'consent') {
      this.#host.consented = true
      this.#host.dispatchEvent(new Event('consent', { bubbles: true, composed: true }))
    }
    this.#gate.agree()
  }

  decline(): void {
    this.#gate.decline()
  }
}
