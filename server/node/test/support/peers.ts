import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import {
  type AddressInfo,
  connect as connectTcp,
  createServer as createTcpServer,
  type Server,
  type Socket,
} from 'node:net'
import type { TestContext } from 'node:test'
import { WebSocket, WebSocketServer } from 'ws'

export interface Received {
  readonly data: string | Buffer
  readonly binary: boolean
}

/** One end of a WebSocket whose messages can be awaited one after the other. */
export class Peer {
  readonly socket: WebSocket
  readonly closed: Promise<{ code: number; reason: string }>
  readonly pings: Buffer[] = []
  #received: Received[] = []
  #waiting: ((received: Received) => void)[] = []

  constructor(socket: WebSocket) {
    this.socket = socket
    this.closed = new Promise((resolve) => {
      socket.on('close', (code, reason) => resolve({ code, reason: reason.toString() }))
    })
    socket.on('error', () => {})
    socket.on('ping', (data: Buffer) => this.pings.push(data))
    socket.on('message', (data: Buffer, binary) => {
      const received = { data: binary ? data : data.toString(), binary }
      const waiting = this.#waiting.shift()
      if (waiting === undefined) this.#received.push(received)
      else waiting(received)
    })
  }

  /** The next message, already here or not. */
  next(): Promise<Received> {
    const received = this.#received.shift()
    if (received !== undefined) return Promise.resolve(received)
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** The next message as JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: a test reads whatever came
  async nextJson(): Promise<any> {
    return JSON.parse(String((await this.next()).data))
  }

  /** The next JSON message of this type; others are passed over. */
  // biome-ignore lint/suspicious/noExplicitAny: a test reads whatever came
  async nextOfType(type: string): Promise<any> {
    for (;;) {
      const message = await this.nextJson()
      if (message.type === type) return message
    }
  }

  send(data: string | Buffer): void {
    this.socket.send(data)
  }
}

/** A provider made of `ws`, and everything a test wants to know about who dialled it. */
export class Upstream {
  readonly url: string
  readonly requests: IncomingMessage[] = []
  readonly #server: WebSocketServer
  #peers: Peer[] = []
  #waiting: ((peer: Peer) => void)[] = []

  static async start(
    t: TestContext,
    options: ConstructorParameters<typeof WebSocketServer>[0] = {},
  ): Promise<Upstream> {
    const server = new WebSocketServer({ host: '127.0.0.1', port: 0, ...options })
    await once(server, 'listening')
    const upstream = new Upstream(server)
    t.after(() => upstream.close())
    return upstream
  }

  private constructor(server: WebSocketServer) {
    this.#server = server
    this.url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`
    server.on('connection', (socket, request) => {
      this.requests.push(request)
      const peer = new Peer(socket)
      const waiting = this.#waiting.shift()
      if (waiting === undefined) this.#peers.push(peer)
      else waiting(peer)
    })
  }

  /** How many connections are open now. */
  get connections(): number {
    return this.#server.clients.size
  }

  /** The next connection, already here or not. */
  accept(): Promise<Peer> {
    const peer = this.#peers.shift()
    if (peer !== undefined) return Promise.resolve(peer)
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  close(): Promise<void> {
    for (const client of this.#server.clients) client.terminate()
    return new Promise((resolve) => this.#server.close(() => resolve()))
  }
}

/** A TCP server that does whatever a test wants with each connection. */
export async function rawServer(t: TestContext, onSocket: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>()
  const server: Server = createTcpServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    onSocket(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}`
}

export interface ConnectOptions {
  readonly protocols?: string[]
  readonly headers?: Record<string, string>
  readonly origin?: string
  /** The certificate to believe, for `wss:`. */
  readonly ca?: string
  /** Where to come from, such as `127.0.0.2`. */
  readonly localAddress?: string
}

/** Opens a WebSocket; rejects with the HTTP status where it is refused. */
export async function connect(t: TestContext, url: string, options: ConnectOptions = {}): Promise<Peer> {
  const { protocols = [], headers = {}, origin, ca, localAddress } = options
  const socket = new WebSocket(url.replace('http', 'ws'), protocols, {
    headers,
    perMessageDeflate: false,
    ...(origin !== undefined && { origin }),
    ...(ca !== undefined && { ca }),
    ...(localAddress !== undefined && { localAddress }),
  })
  t.after(() => socket.terminate())
  const peer = new Peer(socket)
  await new Promise<void>((resolve, reject) => {
    socket.once('open', () => resolve())
    socket.once('unexpected-response', (_request, response) => {
      reject(new Error(`HTTP ${response.statusCode}`))
      response.destroy()
    })
    socket.once('error', reject)
  })
  return peer
}

/** A TCP connection that says exactly what a test wants. */
export class RawClient {
  readonly socket: Socket
  readonly closed: Promise<void>
  /** What came, and room for more: to join it anew with every piece would take long for millions of bytes. */
  #bytes = Buffer.alloc(0)
  #start = 0
  #end = 0
  #upgraded = false
  #wake: (() => void)[] = []

  static async open(t: TestContext, url: string): Promise<RawClient> {
    const { hostname, port } = new URL(url)
    const socket = connectTcp(Number(port), hostname)
    t.after(() => socket.destroy())
    const client = new RawClient(socket)
    await once(socket, 'connect')
    return client
  }

  private constructor(socket: Socket) {
    this.socket = socket
    this.closed = new Promise((resolve) => socket.on('close', () => resolve()))
    socket.on('error', () => {})
    socket.on('data', (chunk: Buffer) => {
      this.#append(chunk)
      // As a client does that was closed.
      if (this.#upgraded && parseServer(this.received).code !== null) socket.end()
      for (const wake of this.#wake.splice(0)) wake()
    })
    socket.on('close', () => {
      for (const wake of this.#wake.splice(0)) wake()
    })
  }

  /** What came, without the answer to the handshake. */
  get received(): Buffer {
    return this.#bytes.subarray(this.#start, this.#end)
  }

  write(data: string | Buffer): void {
    this.socket.write(data)
  }

  /** Waits until what came satisfies `test`, or the connection is over. */
  async until(test: (received: Buffer) => boolean): Promise<Buffer> {
    while (!test(this.received) && !this.socket.destroyed) {
      await new Promise<void>((resolve) => this.#wake.push(resolve))
    }
    return this.received
  }

  /** The status of the HTTP answer. */
  async status(): Promise<number> {
    const text = (await this.until((received) => received.includes('\r\n\r\n'))).toString('latin1')
    return Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0)
  }

  /** Does the handshake, and leaves only what came behind it. */
  async handshake(path: string, headers: Record<string, string>): Promise<void> {
    this.write(handshakeRequest(path, headers))
    const status = await this.status()
    if (status !== 101) throw new Error(`HTTP ${status}`)
    this.#start += this.received.indexOf('\r\n\r\n') + 4
    this.#upgraded = true
  }

  /** The close that came, with the text messages before it. */
  async close(): Promise<{ code: number; texts: string[] }> {
    await this.until((received) => parseServer(received).code !== null)
    const { code, texts } = parseServer(this.received)
    return { code: code ?? 1006, texts }
  }

  #append(chunk: Buffer): void {
    const end = this.#end + chunk.length
    if (end > this.#bytes.length) this.#bytes = Buffer.concat([this.#bytes], Math.max(1024, 2 * end))
    chunk.copy(this.#bytes, this.#end)
    this.#end = end
  }
}

/** A correct handshake; a header with the value '' is left out. */
export function handshakeRequest(path: string, headers: Record<string, string> = {}): string {
  const all: Record<string, string> = {
    Host: 'relay',
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    ...headers,
  }
  const lines = Object.entries(all).filter(([, value]) => value !== '')
  return `GET ${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`
}

/** Reads a server's unfragmented messages up to its close. */
export function parseServer(bytes: Buffer): { code: number | null; texts: string[] } {
  const texts: string[] = []
  let at = 0
  while (at + 2 <= bytes.length) {
    const opcode = bytes[at]! & 0x0f
    let length = bytes[at + 1]! & 0x7f
    let start = at + 2
    if (length === 126 && at + 4 <= bytes.length) {
      length = bytes.readUInt16BE(at + 2)
      start = at + 4
    }
    if (start + length > bytes.length) break
    if (opcode === 1) texts.push(bytes.toString('utf8', start, start + length))
    if (opcode === 8) return { code: length === 0 ? 1005 : bytes.readUInt16BE(start), texts }
    at = start + length
  }
  return { code: null, texts }
}
