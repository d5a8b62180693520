import { parseObject } from '../util/json.ts'
import { Dials } from './dials.ts'

/** A text message as the object that it holds. */
export interface SentMessage {
  readonly type?: string
  readonly [field: string]: unknown
}

/** A message as a server reads it: the object that a text holds, a text that is not JSON, or bytes. */
export type Received = SentMessage | string | ArrayBuffer | Uint8Array

interface Waiter {
  readonly what: string
  readonly matches: (message: Received) => boolean
  readonly resolve: (message: Received) => void
  readonly reject: (reason: unknown) => void
}

/** What RFC 9110 calls a token: all that a subprotocol may consist of. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
/** RFC 6455: a close as it should be, one without a code, and a line that ended without a closing handshake. */
const NORMAL = 1000
const NO_CODE = 1005
const ABNORMAL = 1006
const [CONNECTING, OPEN, CLOSING, CLOSED] = [0, 1, 2, 3]
const EVENTS = ['open', 'message', 'error', 'close'] as const

/**
 * A WebSocket whose other end is the test: give `ScriptedSocket.asWebSocket`, or better the `WebSocket` of a
 * `scriptedServer`, wherever a WebSocket is an option. What the page does is as with a real one, its errors included;
 * `accept`, `refuse`, `say` and `drop` are what the server does, and happen at once.
 *
 * @see https://websockets.spec.whatwg.org/#the-websocket-interface
 */
export class ScriptedSocket extends EventTarget {
  static readonly #dials = new Dials<ScriptedSocket>()

  static readonly CONNECTING = 0
  static readonly OPEN = 1
  static readonly CLOSING = 2
  static readonly CLOSED = 3

  readonly url: string
  /** The subprotocols that the client offers. */
  readonly protocols: readonly string[]
  /** Every message that the client sent, as it was at that time. */
  readonly sent: (string | ArrayBuffer | Uint8Array)[] = []
  /** The subprotocol that the server selected. */
  protocol = ''
  readonly extensions = ''
  readyState = CONNECTING
  /** Bytes that have not left; set it, or let them pile up while `stalled`. */
  bufferedAmount = 0
  binaryType: BinaryType = 'blob'
  /** Whether the server answers the closing handshake of the client by itself. */
  answersClose = true
  /** The code that the client closed with, 1000 where it named none; null while it has not. */
  closedWith: number | null = null
  /** The reason that the client gave with it. */
  closeReason = ''
  onopen: ((event: Event) => void) | null = null
  onmessage: ((event: MessageEvent) => void) | null = null
  onerror: ((event: Event) => void) | null = null
  onclose: ((event: CloseEvent) => void) | null = null
  readonly #unread: Received[] = []
  readonly #waiting = new Set<Waiter>()
  #stalled: (string | ArrayBuffer | Uint8Array)[] | null = null

  /**
   * @param dials Where the socket is noted; default the list of the class.
   * @throws {DOMException} `SyntaxError`, for an address or subprotocols that the real one refuses.
   */
  constructor(
    url: string | URL,
    protocols: string | string[] = [],
    dials: Dials<ScriptedSocket> = ScriptedSocket.#dials,
  ) {
    super()
    this.url = checkedUrl(url)
    this.protocols = checkedProtocols([protocols].flat())
    for (const type of EVENTS) this.addEventListener(type, (event) => this[`on${type}`]?.(event as never))
    dials.add(this)
  }

  /** The class in the place where the library takes one. */
  static get asWebSocket(): typeof WebSocket {
    return ScriptedSocket as unknown as typeof WebSocket
  }

  /** Every socket of this class dialled since `reset`, oldest first. */
  static get dialled(): readonly ScriptedSocket[] {
    return ScriptedSocket.#dials.dialled
  }

  /** Forgets the sockets so far, and who waits for one: for before or after each test. */
  static reset(): void {
    ScriptedSocket.#dials.reset()
  }

  /** @returns The next socket that is dialled. */
  static next(): Promise<ScriptedSocket> {
    return ScriptedSocket.#dials.next()
  }

  /** The text messages sent that are JSON, parsed. */
  get texts(): SentMessage[] {
    return this.sent.map(read).filter((message) => isMessage(message))
  }

  /** Whether what the client sends stays in `bufferedAmount`, as on a line that is too slow; false lets it all out. */
  get stalled(): boolean {
    return this.#stalled !== null
  }

  set stalled(stalled: boolean) {
    if (stalled) {
      this.#stalled ??= []
      return
    }
    const waiting = this.#stalled ?? []
    this.#stalled = null
    for (const data of waiting) {
      this.bufferedAmount -= byteLength(data)
      this.#deliver(data)
    }
  }

  /** The client sends. @throws {DOMException} `InvalidStateError`, before the socket is open. */
  send(data: string | ArrayBuffer | ArrayBufferView): void {
    if (this.readyState === CONNECTING) throw invalidState('send', 'open', this)
    const copied = copyOf(data)
    if (this.#stalled || this.readyState > OPEN) this.bufferedAmount += byteLength(copied)
    if (this.readyState > OPEN) return
    if (this.#stalled) this.#stalled.push(copied)
    else this.#deliver(copied)
  }

  /**
   * The client closes; the server answers a moment later, unless `answersClose` is false.
   *
   * @throws {DOMException} `InvalidAccessError` for a code, `SyntaxError` for a reason that a client may not give.
   */
  close(code?: number, reason = ''): void {
    checkClose(code, reason)
    if (this.readyState >= CLOSING) return
    const opened = this.readyState === OPEN
    this.readyState = CLOSING
    this.closedWith = code ?? NORMAL
    this.closeReason = reason
    if (!opened) queueMicrotask(() => this.#end(ABNORMAL))
    else if (this.answersClose) queueMicrotask(() => this.#end(code ?? NO_CODE, reason))
  }

  /**
   * The server accepts; nothing happens where it has already, or the client is gone.
   *
   * @param protocol The subprotocol that it selects; default the first that is offered. A client refuses one that is
   * not offered, and so does this one.
   */
  accept(protocol = this.protocols[0] ?? ''): this {
    if (this.readyState !== CONNECTING) return this
    if (protocol !== '' && !this.protocols.includes(protocol)) return this.drop(ABNORMAL)
    this.readyState = OPEN
    this.protocol = protocol
    this.dispatchEvent(new Event('open'))
    return this
  }

  /**
   * The server refuses the handshake, or cannot be reached: a page cannot tell the two apart.
   *
   * @throws {DOMException} `InvalidStateError`, where it has accepted already.
   */
  refuse(): this {
    if (this.readyState === OPEN) throw invalidState('refuse', 'connecting', this)
    return this.drop(ABNORMAL)
  }

  /**
   * The server says something; nobody hears it once the socket is closing.
   *
   * @param data An object is sent as JSON, a string as it is, anything else as a binary message.
   * @throws {DOMException} `InvalidStateError`, before the server has accepted.
   */
  say(data: string | object | ArrayBuffer | ArrayBufferView): this {
    if (this.readyState === CONNECTING) throw invalidState('say', 'accepted', this)
    if (this.readyState === OPEN)
      this.dispatchEvent(new MessageEvent('message', { data: this.#asReceived(data) }))
    return this
  }

  /** The server or, with 1006, the network ends it. */
  drop(code = ABNORMAL, reason = ''): this {
    this.#end(code, reason)
    return this
  }

  /**
   * Waits for a message of the client, so that a script reads like a conversation. Each message is given once, those
   * too that were sent before the call: the same call again waits for the next of its kind.
   *
   * @param what Its `type`, or what tells whether it is the one.
   * @param options.signal Gives up.
   * @throws {Error} If the socket is closed and there is none.
   */
  whenSent(type: string, options?: { readonly signal?: AbortSignal }): Promise<SentMessage>
  whenSent(
    matches: (message: Received) => boolean,
    options?: { readonly signal?: AbortSignal },
  ): Promise<Received>
  async whenSent(
    what: string | ((message: Received) => boolean),
    { signal }: { readonly signal?: AbortSignal } = {},
  ): Promise<Received> {
    signal?.throwIfAborted()
    const matches =
      typeof what === 'function' ? what : (message: Received) => isMessage(message) && message.type === what
    const index = this.#unread.findIndex(matches)
    if (index >= 0) return this.#unread.splice(index, 1)[0] as Received
    const { promise, resolve, reject } = Promise.withResolvers<Received>()
    const waiter = { what: typeof what === 'string' ? what : 'what is awaited', matches, resolve, reject }
    if (this.readyState === CLOSED) throw this.#neverSent(waiter)
    const onabort = (): void => reject(signal?.reason)
    signal?.addEventListener('abort', onabort, { once: true })
    this.#waiting.add(waiter)
    return promise.finally(() => {
      this.#waiting.delete(waiter)
      signal?.removeEventListener('abort', onabort)
    })
  }

  #deliver(data: string | ArrayBuffer | Uint8Array): void {
    this.sent.push(data)
    const message = read(data)
    for (const waiter of this.#waiting) {
      if (!waiter.matches(message)) continue
      this.#waiting.delete(waiter)
      waiter.resolve(message)
      return
    }
    this.#unread.push(message)
  }

  #asReceived(data: string | object | ArrayBuffer | ArrayBufferView): string | ArrayBuffer | Blob {
    if (typeof data === 'string') return data
    if (!(data instanceof ArrayBuffer || ArrayBuffer.isView(data))) return JSON.stringify(data)
    const { buffer } = new Uint8Array(bytesOf(data))
    return this.binaryType === 'blob' ? new Blob([buffer]) : buffer
  }

  #end(code: number, reason = ''): void {
    if (this.readyState === CLOSED) return
    this.readyState = CLOSED
    const wasClean = code !== ABNORMAL
    if (!wasClean) this.dispatchEvent(new Event('error'))
    // Not by its constructor, which not every place has where tests run.
    this.dispatchEvent(Object.assign(new Event('close'), { code, reason, wasClean }))
    for (const waiter of this.#waiting) waiter.reject(this.#neverSent(waiter))
  }

  #neverSent({ what }: { what: string }): Error {
    const sent = this.sent.map((data) => {
      const message = read(data)
      return isMessage(message) ? message.type : typeof data === 'string' ? 'text' : 'bytes'
    })
    return new Error(
      `Cannot wait as ${what} must be sent before the socket is closed: current value is ${sent.join(', ') || 'nothing'}`,
    )
  }
}

function checkedUrl(url: string | URL): string {
  const base = globalThis.document?.baseURI
  const text = `Cannot connect as the address must be one of ws, wss, http or https: current value is ${url}`
  if (!URL.canParse(String(url), base)) throw new DOMException(text, 'SyntaxError')
  const parsedUrl = new URL(url, base)
  parsedUrl.protocol = parsedUrl.protocol.replace(/^http/, 'ws')
  if (!/^wss?:$/.test(parsedUrl.protocol)) throw new DOMException(text, 'SyntaxError')
  if (parsedUrl.hash !== '') {
    const fragment = `Cannot connect as the address must have no fragment: current value is ${url}`
    throw new DOMException(fragment, 'SyntaxError')
  }
  return parsedUrl.href
}

function checkedProtocols(protocols: string[]): readonly string[] {
  const ok =
    protocols.every((protocol) => TOKEN.test(protocol)) && new Set(protocols).size === protocols.length
  if (ok) return protocols
  // Without the value, which may be a secret.
  const text =
    'Cannot connect as subprotocols must be different tokens of RFC 9110: current value is none such'
  throw new DOMException(text, 'SyntaxError')
}

function checkClose(code: number | undefined, reason: string): void {
  if (code !== undefined && code !== NORMAL && !(code >= 3000 && code <= 4999)) {
    const text = `Cannot close as code must be 1000 or in 3000…4999: current value is ${code}`
    throw new DOMException(text, 'InvalidAccessError')
  }
  const { length } = new TextEncoder().encode(reason)
  if (length <= 123) return
  const text = `Cannot close as reason must have at most 123 bytes: current value is ${length}`
  throw new DOMException(text, 'SyntaxError')
}

function invalidState(method: string, must: string, { readyState }: { readyState: number }): DOMException {
  const text = `Cannot ${method} as the socket must be ${must}: current value is readyState ${readyState}`
  return new DOMException(text, 'InvalidStateError')
}

/** Like the real one, which has the bytes of a view as they are now. */
function copyOf(data: string | ArrayBuffer | ArrayBufferView): string | ArrayBuffer | Uint8Array {
  if (typeof data === 'string' || data instanceof ArrayBuffer) return data.slice(0)
  return bytesOf(data).slice()
}

function bytesOf(data: ArrayBuffer | ArrayBufferView): Uint8Array {
  return data instanceof ArrayBuffer
    ? new Uint8Array(data)
    : new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
}

function byteLength(data: string | ArrayBuffer | Uint8Array): number {
  return typeof data === 'string' ? new TextEncoder().encode(data).length : data.byteLength
}

function isMessage(message: Received): message is SentMessage {
  return typeof message === 'object' && !(message instanceof ArrayBuffer || ArrayBuffer.isView(message))
}

function read(data: string | ArrayBuffer | Uint8Array): Received {
  return typeof data === 'string' ? (parseObject(data) ?? data) : data
}
