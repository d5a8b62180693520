import { once } from 'node:events'
import { WebSocket } from 'ws'

/** One JSON message as a test reads it; what a field is, the test says where it uses it. */
export type Message = { readonly type: string } & Record<string, never>

/** A bare WebSocket client that notes what it is sent and waits for what a test expects. */
export class TestClient {
  readonly socket: WebSocket
  readonly messages: Message[] = []
  readonly binary: Buffer[] = []
  readonly closed: Promise<{ code: number; reason: string }>
  readonly #waiting = new Set<() => void>()

  constructor(url: string, protocols: string[] = [], headers: Record<string, string> = {}) {
    this.socket = new WebSocket(url, protocols, { headers })
    this.socket.on('message', (data: Buffer, binary) => {
      if (binary) this.binary.push(data)
      else this.messages.push(JSON.parse(data.toString()))
      for (const check of [...this.#waiting]) check()
    })
    this.closed = new Promise((resolve) => {
      this.socket.on('close', (code, reason) => {
        resolve({ code, reason: reason.toString() })
        for (const check of [...this.#waiting]) check()
      })
    })
    this.socket.on('error', () => {})
  }

  /** The types of all messages so far. */
  get types(): string[] {
    return this.messages.map(({ type }) => type)
  }

  /** Resolves when the handshake is complete. */
  async opened(): Promise<void> {
    if (this.socket.readyState !== WebSocket.OPEN) await once(this.socket, 'open')
  }

  /** The HTTP status and body of a handshake that is refused. */
  async refused(): Promise<{ status: number; body: string; headers: Record<string, unknown> }> {
    const [, response] = await once(this.socket, 'unexpected-response')
    let body = ''
    for await (const part of response) body += part
    return { status: response.statusCode, body, headers: response.headers }
  }

  send(message: object): void {
    this.socket.send(JSON.stringify(message))
  }

  sendText(text: string): void {
    this.socket.send(text)
  }

  sendBytes(bytes: Uint8Array): void {
    this.socket.send(bytes)
  }

  /** Resolves with the message of that type after the first `after` messages; rejects if the line closes. */
  next(type: string, { after = 0, where = (_message: Message): boolean => true } = {}): Promise<Message> {
    return this.until(
      () => this.messages.slice(after).find((message) => message.type === type && where(message)),
      type,
    )
  }

  /** Resolves with what `find` returns once it returns anything. */
  until<Found>(find: () => Found | undefined, what: string): Promise<Found> {
    return new Promise((resolve, reject) => {
      const check = () => {
        const found = find()
        const over = this.socket.readyState === WebSocket.CLOSED
        if (found === undefined && !over) return
        this.#waiting.delete(check)
        if (found !== undefined) resolve(found)
        else reject(new Error(`closed before ${what}; messages: ${this.types.join(' ')}`))
      }
      this.#waiting.add(check)
      check()
    })
  }

  async close(): Promise<void> {
    if (this.socket.readyState === WebSocket.CLOSED) return
    this.socket.close(1000)
    await this.closed
  }
}
