import type { EmulatorConnection, Interceptor } from './connection.ts'

/** When a fault strikes an open connection: after so many text or binary messages, counted from 1. */
export interface FaultTrigger {
  /** After this many messages from the client. */
  readonly afterReceived?: number
  /** After this many messages to the client; with neither, at once. */
  readonly afterSent?: number
}

interface FaultScope {
  /** Only connections to this path; default: all. */
  readonly path?: string
  /** How many connections it strikes before it is used up; default: every one. */
  readonly times?: number
}

/** A misfortune that the emulator is asked to bring about. */
export type Fault = FaultScope &
  (
    | {
        /** The upgrade is answered with an HTTP status instead. */
        readonly type: 'refuse'
        /** 400…599. */
        readonly status: number
        readonly headers?: Readonly<Record<string, string>>
        /** Default: a JSON error. */
        readonly body?: string
      }
    /** The upgrade is never answered. */
    | { readonly type: 'never-answer' }
    /** The connection is closed with a code. */
    | (FaultTrigger & { readonly type: 'close'; readonly code: number; readonly reason?: string })
    /** The TCP connection is destroyed. */
    | (FaultTrigger & { readonly type: 'drop' })
    /** Nothing is sent or read any more, and the line stays open. */
    | (FaultTrigger & { readonly type: 'stall' })
    /** The next `count` messages to the client are lost. */
    | (FaultTrigger & { readonly type: 'swallow'; readonly count: number })
  )

/** A fault of the handshake. */
export type HandshakeFault = Extract<Fault, { type: 'refuse' | 'never-answer' }>
type ConnectionFault = Exclude<Fault, HandshakeFault>

/** The faults that are armed, in the order in which they were added. */
export class FaultPlan {
  readonly #armed: { readonly fault: Fault; left: number }[] = []

  constructor(faults: readonly Fault[] = []) {
    for (const fault of faults) this.add(fault)
  }

  /**
   * Arms a fault for connections to come.
   *
   * @returns The function that disarms it.
   */
  add(fault: Fault): () => void {
    const entry = { fault, left: fault.times ?? Number.POSITIVE_INFINITY }
    this.#armed.push(entry)
    return () => {
      entry.left = 0
    }
  }

  /** The fault that strikes this handshake, if any. */
  handshake(path: string): HandshakeFault | null {
    return (this.#take(path, isHandshakeFault)[0] as HandshakeFault | undefined) ?? null
  }

  /** Lets every other armed fault strike this connection when its time comes. */
  attach(connection: EmulatorConnection): void {
    const faults = this.#take(connection.path, (fault) => !isHandshakeFault(fault)) as ConnectionFault[]
    if (faults.length > 0) connection.interceptor = new FaultInterceptor(connection, faults)
  }

  #take(path: string, wanted: (fault: Fault) => boolean): Fault[] {
    const taken = this.#armed.filter(
      ({ fault, left }) => left > 0 && wanted(fault) && (fault.path ?? path) === path,
    )
    // A handshake meets one refusal at most; the next one stays armed for the next handshake.
    const struck = taken.length > 0 && isHandshakeFault(taken[0]!.fault) ? taken.slice(0, 1) : taken
    for (const entry of struck) entry.left--
    return struck.map(({ fault }) => fault)
  }
}

function isHandshakeFault(fault: Fault): boolean {
  return fault.type === 'refuse' || fault.type === 'never-answer'
}

/** Counts what passes on one connection and strikes when a fault is due. */
class FaultInterceptor implements Interceptor {
  readonly #connection: EmulatorConnection
  readonly #counts = { received: 0, sent: 0 }
  #waiting: readonly ConnectionFault[]
  #stalled = false
  #swallow = 0

  constructor(connection: EmulatorConnection, faults: readonly ConnectionFault[]) {
    this.#connection = connection
    this.#waiting = faults
    queueMicrotask(() => this.#strike())
  }

  pass(direction: 'received' | 'sent'): boolean {
    if (this.#stalled) return false
    if (direction === 'sent' && this.#swallow > 0) {
      this.#swallow--
      return false
    }
    this.#counts[direction]++
    // The message that completes the count still passes: the fault strikes behind it.
    queueMicrotask(() => this.#strike())
    return true
  }

  #strike(): void {
    const due = this.#waiting.filter((fault) => this.#isDue(fault))
    this.#waiting = this.#waiting.filter((fault) => !due.includes(fault))
    for (const fault of due) this.#bring(fault)
  }

  #isDue({ afterReceived = 0, afterSent = 0 }: FaultTrigger): boolean {
    return this.#counts.received >= afterReceived && this.#counts.sent >= afterSent
  }

  #bring(fault: ConnectionFault): void {
    switch (fault.type) {
      case 'close':
        this.#connection.close(fault.code, fault.reason ?? '')
        break
      case 'drop':
        this.#connection.terminate()
        break
      case 'stall':
        this.#stalled = true
        this.#connection.pause()
        break
      case 'swallow':
        this.#swallow = fault.count
        break
    }
  }
}
