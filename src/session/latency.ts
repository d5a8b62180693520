import type { TurnEvent } from '../events.ts'
import type { ProviderLatency } from '../providers/provider.ts'

/** A clock in ms that never jumps. */
const now = (): number => performance.now()

/** Leaves an entry for the browser's own tools to show; of each name the newest is kept. */
export function measure(name: string, start: number, end: number): void {
  const full = `voicewire:${name}`
  performance.clearMeasures(full)
  performance.measure(full, { start, end })
}

/** Measures one turn after the other, from the user's last word to the agent's first. */
export class TurnClock {
  #askedAt: number | null = null
  #firstByteMs: number | null = null
  #responseMs: number | null = null
  #provider: ProviderLatency | null = null

  /** The user has said or typed all. */
  asked(): void {
    this.#askedAt = now()
    this.#firstByteMs = this.#responseMs = this.#provider = null
  }

  /** Something of the answer came: text or sound. */
  answered(): void {
    this.#firstByteMs ??= this.#since('first-byte')
  }

  /** The first sample of the answer left the worklet. */
  sounded(): void {
    this.#responseMs ??= this.#since('response')
    this.#askedAt = null
  }

  /** What the provider says of its own stages, which it may say piece by piece. */
  told(latency: ProviderLatency): void {
    this.#provider = { ...this.#provider, ...latency }
  }

  /** @returns What was measured of the turn that ends here. */
  finish(): TurnEvent {
    const turn = { responseMs: this.#responseMs, firstByteMs: this.#firstByteMs, provider: this.#provider }
    this.#askedAt = this.#firstByteMs = this.#responseMs = this.#provider = null
    return turn
  }

  #since(name: string): number | null {
    if (this.#askedAt === null) return null
    const end = now()
    measure(name, this.#askedAt, end)
    return end - this.#askedAt
  }
}

/** Measures how one connection comes about. */
export class ConnectClock {
  #at = 0
  #timings: ConnectTimings = { tokenMs: 0, dialMs: 0, handshakeMs: 0 }

  /** The address and the token are asked for. */
  begin(): void {
    this.#at = now()
  }

  /** A stage is over. */
  passed(stage: 'token' | 'dial' | 'handshake'): void {
    const end = now()
    this.#timings = { ...this.#timings, [`${stage}Ms`]: end - this.#at }
    measure(stage, this.#at, end)
    this.#at = end
  }

  get timings(): ConnectTimings {
    return this.#timings
  }
}

/** How long the stages of a connect took, in ms. */
export interface ConnectTimings {
  /** Until there was an address and a token. */
  readonly tokenMs: number
  /** Until the socket was open. */
  readonly dialMs: number
  /** Until the agent was ready. */
  readonly handshakeMs: number
}
