import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { type HttpHead, headerOf, parseHead } from './http-head.ts'
import { Peer } from './peer.ts'

/** The parameter that leads a session of a relay to the rule that opened it. */
export const CASE_PARAMETER = 'conformance-case'

/** RFC 6455 §1.3. */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

/** What `Sec-WebSocket-Accept` must be for a `Sec-WebSocket-Key`. */
export function acceptValue(key: string): string {
  return createHash('sha1')
    .update(key + GUID)
    .digest('base64')
}

export interface AcceptOptions {
  /** Headers in place of, or beside, the right ones; '' leaves one out. */
  readonly headers?: Readonly<Record<string, string>>
  /** Bytes that go out together with the answer. */
  readonly head?: Buffer
}

/** A handshake of the relay at the provider, which the rule answers as it likes. */
export class Dial {
  readonly head: HttpHead
  readonly socket: Socket
  /** Ends when the relay's connection is gone. */
  readonly gone: Promise<void>

  constructor(head: HttpHead, socket: Socket) {
    this.head = head
    this.socket = socket
    this.gone = socket.destroyed
      ? Promise.resolve()
      : new Promise((resolve) => socket.once('close', () => resolve()))
  }

  /** What was asked for, such as `/v1/realtime?model=m`. */
  get target(): string {
    return this.head.start.split(' ')[1] ?? ''
  }

  get path(): string {
    return this.target.split('?', 1)[0]!
  }

  /** Without the parameter that led here. */
  get query(): string {
    const [, query = ''] = this.target.split('?')
    return query
      .split('&')
      .filter((part) => !part.startsWith(`${CASE_PARAMETER}=`))
      .join('&')
  }

  header(name: string): string | null {
    return headerOf(this.head, name)
  }

  /** The subprotocols that were offered. */
  get offered(): readonly string[] {
    const header = this.header('sec-websocket-protocol')
    return header === null ? [] : header.split(',').map((protocol) => protocol.trim())
  }

  /** Accepts it, as a provider that is content does. */
  accept({ headers = {}, head = Buffer.alloc(0) }: AcceptOptions = {}): Peer {
    const protocol = this.offered.includes('realtime')
      ? 'realtime'
      : this.offered.find((name) => name.toLowerCase() === 'token')
    const all: Record<string, string> = {
      Upgrade: 'websocket',
      Connection: 'Upgrade',
      'Sec-WebSocket-Accept': acceptValue(this.header('sec-websocket-key') ?? ''),
      ...(protocol !== undefined && { 'Sec-WebSocket-Protocol': protocol }),
      ...headers,
    }
    const text = `HTTP/1.1 101 Switching Protocols\r\n${headerLines(all)}\r\n`
    this.write(Buffer.concat([Buffer.from(text), head]))
    return new Peer(this.socket, { client: false, head: this.head.rest })
  }

  /** Refuses it with a status, and ends the connection. */
  refuse(status: number, headers: Readonly<Record<string, string>> = {}, body = ''): void {
    const all = { 'Content-Length': String(Buffer.byteLength(body)), Connection: 'close', ...headers }
    this.write(Buffer.from(`HTTP/1.1 ${status} Refused\r\n${headerLines(all)}\r\n${body}`))
    this.socket.end()
  }

  write(bytes: Buffer): void {
    if (!this.socket.destroyed) this.socket.write(bytes)
  }

  reset(): void {
    this.socket.resetAndDestroy()
  }
}

function headerLines(headers: Readonly<Record<string, string>>): string {
  return Object.entries(headers)
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')
}

/** A session that was opened at the relay, and what the provider has met of it. */
export interface Expectation {
  readonly id: string
  /** The relay's first handshake for it. */
  readonly dialled: Promise<Dial>
  /** All handshakes that came for it. */
  readonly dials: readonly Dial[]
  /** Expects it no more. */
  readonly withdraw: () => void
}

interface Awaited extends Expectation {
  readonly dials: Dial[]
  readonly resolve: (dial: Dial) => void
}

/**
 * The scripted provider: takes the relay's handshakes and leaves each to the rule whose session it is. Sessions
 * are told apart by a parameter of the query; where a relay passes none on, by their order.
 */
export class Upstream {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #awaited = new Map<string, Awaited>()
  /** Handshakes and requests that belong to no session. */
  readonly strays: Dial[] = []
  /** Whether sessions are told apart by their order. */
  byOrder = false

  /** @throws {Error} Where the port is taken. */
  static async start(port: number, host = '127.0.0.1'): Promise<Upstream> {
    const upstream = new Upstream()
    await upstream.listen(port, host)
    return upstream
  }

  constructor() {
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#take(socket))
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  async listen(port: number, host = '127.0.0.1'): Promise<void> {
    this.#server.listen(port, host)
    await once(this.#server, 'listening')
  }

  /** Takes no new connections while `task` runs; those that are there go on. */
  async away(task: () => Promise<void>): Promise<void> {
    const { port, address } = this.#server.address() as AddressInfo
    this.#server.close()
    try {
      await task()
    } finally {
      await this.listen(port, address)
    }
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
  }

  /** Expects a session with this id. */
  expect(id: string): Expectation {
    const { promise, resolve } = Promise.withResolvers<Dial>()
    const withdraw = () => void this.#awaited.delete(id)
    const awaited: Awaited = { id, dialled: promise, dials: [], resolve, withdraw }
    this.#awaited.set(id, awaited)
    return awaited
  }

  #take(socket: Socket): void {
    this.#sockets.add(socket)
    socket.setNoDelay(true)
    socket.on('error', () => {}) // 'close' follows
    socket.on('close', () => this.#sockets.delete(socket))
    let bytes: Buffer = Buffer.alloc(0)
    const read = (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk])
      const head = parseHead(bytes)
      if (head === null) return
      socket.off('data', read)
      socket.on('end', () => socket.end())
      this.#assign(new Dial(head, socket))
    }
    socket.on('data', read)
  }

  #assign(dial: Dial): void {
    const awaited = this.#find(dial)
    if (awaited === null) {
      this.strays.push(dial)
      dial.refuse(404)
      return
    }
    awaited.dials.push(dial)
    awaited.resolve(dial)
  }

  #find({ target }: Dial): Awaited | null {
    const [, query = ''] = target.split('?')
    const named = this.#awaited.get(new URLSearchParams(query).get(CASE_PARAMETER) ?? '')
    if (named !== undefined) return named
    if (!this.byOrder) return null
    for (const awaited of this.#awaited.values()) if (awaited.dials.length === 0) return awaited
    return null
  }
}
