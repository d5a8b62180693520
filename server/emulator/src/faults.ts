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
