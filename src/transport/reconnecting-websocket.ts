import { backoffMs } from '../util/backoff.ts'
import { retryMoment } from './retry-moment.ts'

/** Why a connection ended: RFC 6455's close code and reason; 1006 where there was no close handshake. */
export interface CloseInfo {
  readonly code: number
  readonly reason: string
  /** True where the socket was open before. */
  readonly opened: boolean
}

/** Why there is no line: a close, or what `endpoint` or the WebSocket's constructor threw. */
export type Loss = { readonly close: CloseInfo } | { readonly cause: unknown }

export interface ReconnectOptions {
  /** Attempts after a loss before giving up; default 8. 0 turns reconnecting off. */
  readonly maxAttempts?: number
  /** Upper bound of the first wait, in ms; default 500. */
  readonly initialMs?: number
  /** Upper bound of every wait, in ms; default 8000. */
  readonly maxMs?: number
}

export interface ReconnectingWebSocketOptions extends ReconnectOptions {
  /** Asked before every dial, so that each carries a fresh token. */
  readonly endpoint: (signal: AbortSignal) => Promise<{ url: string; protocols: readonly string[] }>
  /** Whether no new attempt may follow; it may take its time to find out. */
  readonly isFatal: (loss: Loss) => boolean | Promise<boolean>
  readonly onopen: () => void
  readonly onmessage: (data: string | ArrayBuffer) => void
  /** The line was lost and another attempt follows. */
  readonly onretry: (attempt: number, loss: Loss) => void
  /** It is over. */
  readonly onend: (loss: Loss) => void
  /** How long a dial may take, in ms; default 10 000. */
  readonly connectTimeoutMs?: number
  readonly WebSocket?: typeof WebSocket
  readonly random?: () => number
}

/** Close code for a dial that took too long, and for every loss without a close handshake. */
const ABNORMAL = 1006

/**
 * One line to a server, dialled again when it drops: full jitter, a fresh endpoint for each attempt. It does
 * not know what it carries. The first dial is tried once, since a person waits for it; attempts are counted
 * from the last time that the owner called `ready`, so a server that accepts and drops is not dialled for ever.
 */
export class ReconnectingWebSocket {
  readonly #options: ReconnectingWebSocketOptions
  readonly #abort = new AbortController()
  #socket: WebSocket | null = null
  #attempt = 0
  #wasReady = false
  #dialTimer: ReturnType<typeof setTimeout> | undefined

  constructor(options: ReconnectingWebSocketOptions) {
    this.#options = options
  }

  /** Bytes handed to `send` that have not left yet. */
  get bufferedAmount(): number {
    return this.#socket?.bufferedAmount ?? 0
  }

  /** Dials. Call it once. */
  async connect(): Promise<void> {
    const { signal } = this.#abort
    try {
      const { url, protocols } = await this.#options.endpoint(signal)
      signal.throwIfAborted()
      this.#dial(url, protocols)
    } catch (cause) {
      if (!signal.aborted) this.#lost({ cause })
    }
  }

  /** The conversation works again: from here on the attempts are counted anew. */
  ready(): void {
    this.#attempt = 0
    this.#wasReady = true
  }

  /** Sends, or does nothing where the socket is not open. */
  send(data: string | ArrayBuffer | Uint8Array<ArrayBuffer>): void {
    if (this.#socket?.readyState === 1) this.#socket.send(data)
  }

  /** Gives this socket up and dials a new one, as after a loss. */
  restart(code: number, reason: string): void {
    this.#detach()?.close(1000)
    this.#lost({ close: { code, reason, opened: true } })
  }

  /** Gives this socket up, with which nothing is wrong, and dials a new one at once. */
  renew(): void {
    this.#detach()?.close(1000)
    void this.connect()
  }

  /** Ends it for good: no event follows, no dial is left. */
  close(code = 1000, reason = ''): void {
    this.#abort.abort()
    this.#detach()?.close(code, reason)
  }

  #dial(url: string, protocols: readonly string[]): void {
    const { WebSocket: Socket = WebSocket, connectTimeoutMs = 10_000, onopen, onmessage } = this.#options
    const socket = new Socket(url, [...protocols])
    // Whoever learns of a dial may give it up at once.
    if (this.#abort.signal.aborted) {
      socket.close()
      return
    }
    socket.binaryType = 'arraybuffer'
    this.#socket = socket
    let opened = false
    const onclose = ({ code, reason }: { code: number; reason: string }): void => {
      if (this.#socket !== socket) return
      this.#detach()
      this.#lost({ close: { code, reason, opened } })
    }
    this.#dialTimer = setTimeout(() => {
      onclose({ code: ABNORMAL, reason: 'No answer in time' })
      socket.close()
    }, connectTimeoutMs)
    socket.onopen = () => {
      if (this.#socket !== socket) return
      clearTimeout(this.#dialTimer)
      opened = true
      onopen()
    }
    socket.onmessage = (event: MessageEvent<string | ArrayBuffer>) => {
      if (this.#socket === socket) onmessage(event.data)
    }
    socket.onclose = onclose
  }

  #detach(): WebSocket | null {
    clearTimeout(this.#dialTimer)
    const socket = this.#socket
    this.#socket = null
    return socket
  }

  #lost(loss: Loss): void {
    const { isFatal, maxAttempts = 8 } = this.#options
    if (!this.#wasReady || this.#attempt >= maxAttempts) this.#end(loss)
    else this.#decide(loss, isFatal(loss))
  }

  #decide(loss: Loss, fatal: boolean | Promise<boolean>): void {
    if (this.#abort.signal.aborted) return
    if (typeof fatal === 'object') void fatal.then((known) => this.#decide(loss, known))
    else if (fatal) this.#end(loss)
    else this.#retry(loss)
  }

  #end(loss: Loss): void {
    this.#abort.abort()
    this.#options.onend(loss)
  }

  #retry(loss: Loss): void {
    const { initialMs = 500, maxMs = 8000, random, onretry } = this.#options
    const wait = backoffMs(this.#attempt, { initialMs, maxMs, ...(random && { random }) })
    this.#attempt++
    onretry(this.#attempt, loss)
    retryMoment(wait, this.#abort.signal).then(
      () => this.connect(),
      () => {
        // Closed while waiting: nothing is left to do.
      },
    )
  }
}
