import type { EmulatorConnection } from './connection.ts'
import { FaultInterceptor } from './fault-interceptor.ts'

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
    | (FaultTrigger & {
        /** Nothing is sent or read any more, and the line stays open. */
        readonly type: 'stall'
        /**
         * Milliseconds after which it goes on: what was held back is then sent and read in order, a close too.
         * Default: never, and what would have been sent is lost.
         */
        readonly forMs?: number
      })
    /** The next `count` messages to the client are lost. */
    | (FaultTrigger & { readonly type: 'swallow'; readonly count: number })
    | (FaultTrigger & {
        /** The client is sent a message that no session wrote. */
        readonly type: 'send'
        /** A string goes out as text, valid JSON or not; bytes go out as binary. */
        readonly data: string | Uint8Array
      })
    /** The next message to the client is sent up to its first `bytes` bytes, text or binary. */
    | (FaultTrigger & { readonly type: 'truncate'; readonly bytes: number })
    /** The next `count` messages to the client are sent twice. */
    | (FaultTrigger & { readonly type: 'duplicate'; readonly count: number })
    /** The next `count` messages to the client wait for each other, or for the close, and are sent last one first. */
    | (FaultTrigger & { readonly type: 'reorder'; readonly count: number })
  )

/** A fault of the handshake. */
export type HandshakeFault = Extract<Fault, { type: 'refuse' | 'never-answer' }>
/** A fault of an open connection. */
export type ConnectionFault = Exclude<Fault, HandshakeFault>

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
