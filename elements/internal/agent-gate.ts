import type { LitElement } from 'lit'
import type { ConversationMode } from './conversation.ts'
import { Gate, type GateStep } from './gate.ts'

/** What the gate needs of its `<voice-agent>`. */
interface GatedAgent extends LitElement {
  consented: boolean
  readonly prePrompt: boolean
  readonly mode: ConversationMode
}

/** The gate of a `<voice-agent>`: what the page has its users agree to, and what is said before the browser asks. */
export class AgentGate extends Gate {
  readonly #host: GatedAgent
  /** Whether the browser will ask for the microphone; null until that is known, and where it does not tell. */
  #permission: PermissionStatus | null = null

  constructor(host: GatedAgent) {
    super(() => host.requestUpdate())
    this.#host = host
  }

  /** Whether there is something that the user has not agreed to. */
  get asksConsent(): boolean {
    return !this.#host.consented && [...this.#host.children].some(({ slot }) => slot === 'consent')
  }

  /** Finds out ahead of the start whether the browser will ask for the microphone. */
  async prepare(): Promise<void> {
    try {
      this.#permission = await navigator.permissions.query({ name: 'microphone' as PermissionName })
    } catch {
      // Not every browser tells: Firefox before 131 knows no such name.
    }
  }

  /** Asks for all that there is to ask for. @returns As `ask`. */
  pass(): Promise<void> | null {
    const { prePrompt, mode } = this.#host
    const steps: GateStep[] = []
    if (this.asksConsent) steps.push('consent')
    if (prePrompt && mode === 'voice' && this.#permission?.state !== 'granted') steps.push('microphone')
    return this.ask(steps)
  }

  override agree(): void {
    if (this.step === 'consent') {
      this.#host.consented = true
      this.#host.dispatchEvent(new Event('consent', { bubbles: true, composed: true }))
    }
    super.agree()
  }
}
