/** A WebSocket whose other end is the test. Only what the library uses of the interface is there. */
export class ScriptedSocket {
  /** Every socket dialled since `reset`, oldest first. */
  static dialled: ScriptedSocket[] = []
  static #waiting: ((socket: ScriptedSocket) => void)[] = []

  readonly url: string
  readonly protocols: readonly string[]
  readonly sent: (string | ArrayBuffer | Uint8Array)[] = []
  readyState = 0
  bufferedAmount = 0
  binaryType = 'blob'
  /** The code that the client closed with; null while it has not. */
  closedWith: number | null = null
  onopen: (() => void) | null = null
  onmessage: ((event: { data: string | ArrayBuffer }) => void) | null = null
  onclose: ((event: { code: number; reason: string }) => void) | null = null

  constructor(url: string | URL, protocols: string | string[] = []) {
    this.url = String(url)
    this.protocols = [protocols].flat()
    ScriptedSocket.dialled.push(this)
    ScriptedSocket.#waiting.shift()?.(this)
  }

  /** The class in the place where the library takes one. */
  static get asWebSocket(): typeof WebSocket {
    return ScriptedSocket as unknown as typeof WebSocket
  }

  static reset(): void {
    ScriptedSocket.dialled = []
    ScriptedSocket.#waiting = []
  }

  /** @returns The next socket that is dialled. */
  static next(): Promise<ScriptedSocket> {
    return new Promise((resolve) => ScriptedSocket.#waiting.push(resolve))
  }

  send(data: string | ArrayBuffer | Uint8Array): void {
    if (this.readyState !== 1) throw new DOMException('Not open', 'InvalidStateError')
    // Like the real one, which has the bytes of a view as they are now.
    this.sent.push(typeof data === 'string' ? data : data.slice(0))
  }

  close(code = 1000): void {
    if (this.readyState >= 2) return
    this.readyState = 2
    this.closedWith = code
  }

  /** The server accepts. */
  accept(): this {
    this.readyState = 1
    this.onopen?.()
    return this
  }

  /** The server says something. */
  say(data: object | ArrayBuffer): this {
    this.onmessage?.({ data: data instanceof ArrayBuffer ? data : JSON.stringify(data) })
    return this
  }

  /** The server or the network ends it. */
  drop(code = 1006, reason = ''): this {
    this.readyState = 3
    this.onclose?.({ code, reason })
    return this
  }

  /** @returns The text messages sent, parsed. */
  get texts(): { type?: string; [field: string]: unknown }[] {
    return this.sent.filter((data) => typeof data === 'string').map((text) => JSON.parse(text))
  }
}
