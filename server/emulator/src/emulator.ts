import { createServer, type IncomingMessage, type Server, STATUS_CODES } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { type RawData, type WebSocket, WebSocketServer } from 'ws'
import { EmulatorConnection, type LoggedMessage } from './connection.ts'
import { Credentials } from './credentials.ts'
import { Emitter } from './emitter.ts'
import { FaultPlan } from './fault-plan.ts'
import type { Fault } from './faults.ts'
import { type Refusal, urlOf } from './handshake.ts'
import { answerHttp, sendJson } from './http-api.ts'
import { DEFAULT_PACE, DEFAULT_TIMEOUTS, type EmulatorOptions } from './options.ts'
import { defaultReply } from './reply.ts'
import { type Route, routeOf, type Session } from './routes.ts'
import { type Services, transcriptsOf } from './services.ts'
import { FliteVoice } from './voice.ts'

/** What happens on an emulator as a whole. */
export interface EmulatorEvents {
  /** A handshake succeeded. */
  connection: EmulatorConnection
  /** A handshake was refused, by a rule or by a fault; `status` 0: it is left without an answer. */
  refused: { readonly path: string; readonly status: number }
  /** A client sent a text message. */
  message: { readonly connection: EmulatorConnection; readonly message: LoggedMessage }
  /** A connection ended; `connection.closed` says how. */
  close: EmulatorConnection
}

/** Room for 15 MiB of sound as base64, and for what is too big to be told so rather than cut off. */
const MAX_MESSAGE_BYTES = 32 * 1024 * 1024
const NOT_FOUND: Refusal = { status: 404, body: { error: 'not found' } }
/** How long clients have to answer a close before the line is cut. */
const CLOSE_MS = 250

/** A provider on your own machine. Made by `createEmulator`. */
export class Emulator extends Emitter<EmulatorEvents> {
  /** Where it listens, such as `http://127.0.0.1:8787`; the WebSocket scheme works at the same place. */
  readonly url: string
  readonly port: number
  /** Every connection, oldest first; of the closed ones the newest are kept. */
  readonly connections: EmulatorConnection[] = []
  readonly #server: Server
  readonly #sockets: WebSocketServer
  readonly #services: Services
  readonly #faults: FaultPlan
  readonly #sessions = new Map<EmulatorConnection, Session>()
  /** Sockets of handshakes that a fault leaves without an answer. */
  readonly #unanswered = new Set<Duplex>()
  readonly #keepAudioMs: number
  readonly #keepConnections: number
  readonly #ownVoice: boolean
  #closing: Promise<void> | null = null

  /** Use `createEmulator`. @internal */
  constructor(server: Server, services: Services, options: EmulatorOptions) {
    super()
    const { address, port } = server.address() as AddressInfo
    const host = address.includes(':') ? `[${address}]` : address
    this.url = `${options.tls ? 'https' : 'http'}://${host}:${port}`
    this.port = port
    this.#server = server
    this.#services = services
    this.#faults = new FaultPlan(options.faults)
    this.#keepAudioMs = options.keepAudioMs ?? 900_000
    this.#keepConnections = options.keepConnections ?? 200
    this.#ownVoice = options.speech === undefined
    this.#sockets = this.#createSockets()
    server.on('request', (request, response) => {
      answerHttp(request, response, { services, connections: this.connections }).catch(() => {
        if (!response.headersSent) sendJson(response, { status: 500, body: { error: 'internal error' } })
      })
    })
    server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head))
  }

  /** The same place for WebSocket clients, such as `ws://127.0.0.1:8787`. */
  get webSocketUrl(): string {
    return this.url.replace(/^http/, 'ws')
  }

  /**
   * Arms a fault for connections to come.
   *
   * @returns The function that disarms it.
   */
  addFault(fault: Fault): () => void {
    return this.#faults.add(fault)
  }

  /** Tells every client to go, frees the port and the voice. Safe to call twice. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  /** The same as `close`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    const stopped = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    for (const session of this.#sessions.values()) session.goAway()
    for (const socket of this.#unanswered) socket.destroy()
    const patience = setTimeout(() => {
      for (const connection of this.connections) if (!connection.closed) connection.terminate()
      this.#server.closeAllConnections()
    }, CLOSE_MS)
    this.#server.closeIdleConnections()
    await stopped
    clearTimeout(patience)
    if (this.#ownVoice) await this.#services.speech.close()
  }

  #createSockets(): WebSocketServer {
    return new WebSocketServer({
      noServer: true,
      // Sound hardly shrinks, and the providers' own clients do not ask for compression.
      perMessageDeflate: false,
      maxPayload: MAX_MESSAGE_BYTES,
      handleProtocols: (offered, request) => routeOf(urlOf(request).pathname)?.select(offered) ?? false,
    })
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    // A client that leaves in the middle of its handshake is nobody's loss.
    socket.on('error', () => {})
    const path = urlOf(request).pathname
    const fault = this.#faults.handshake(path)
    if (fault?.type === 'never-answer') {
      this.#leave(socket, path)
      return
    }
    const route = routeOf(path)
    const refusal = fault ? refusalOf(fault) : route ? route.refuse(request, this.#services) : NOT_FOUND
    if (refusal || !route) {
      this.#refuse(socket, { ...(refusal ?? NOT_FOUND), path })
      return
    }
    this.#sockets.handleUpgrade(request, socket, head, (ws) => this.#open(ws, request, route))
  }

  /** Keeps a handshake waiting until its client or the emulator gives up. */
  #leave(socket: Duplex, path: string): void {
    this.#unanswered.add(socket)
    socket.on('close', () => this.#unanswered.delete(socket))
    // Only a socket that is read from notices that its other end is gone.
    socket.on('end', () => socket.destroy()).resume()
    this.emit('refused', { path, status: 0 })
  }

  #refuse(socket: Duplex, { status, headers = {}, body, path }: Refusal & { path: string }): void {
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    const all = {
      connection: 'close',
      'content-type': 'application/json',
      'content-length': String(Buffer.byteLength(text)),
      ...headers,
    }
    const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
    socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}\r\n${text}`)
    this.emit('refused', { path, status })
  }

  #open(ws: WebSocket, request: IncomingMessage, { protocol, open }: Route): void {
    const connection = new EmulatorConnection(ws, request, { protocol, keepAudioMs: this.#keepAudioMs })
    this.connections.push(connection)
    this.#forgetOld()
    this.#faults.attach(connection)
    connection.on('received', (message) => this.emit('message', { connection, message }))
    // Whoever waits for the connection hears of it before its first message goes out.
    this.emit('connection', connection)
    const session = open(connection, request, this.#services)
    if (session) this.#sessions.set(connection, session)
    ws.on('message', (data, binary) => this.#receive(connection, toBytes(data), binary))
    connection.on('close', () => {
      this.#sessions.delete(connection)
      session?.onClose()
      this.emit('close', connection)
    })
  }

  #receive(connection: EmulatorConnection, bytes: Uint8Array, binary: boolean): void {
    const session = this.#sessions.get(connection)
    if (!session) return
    connection.interceptor.incoming(() => {
      if (!connection.open) return
      if (binary) session.onBinary(bytes)
      else session.onText(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString())
    })
  }

  #forgetOld(): void {
    while (this.connections.length > this.#keepConnections) {
      const oldest = this.connections.findIndex(({ closed }) => closed !== null)
      if (oldest < 0) return
      this.connections.splice(oldest, 1)
    }
  }
}

/**
 * Starts an emulator.
 *
 * @returns The emulator, once it listens.
 * @throws {Error} If it cannot listen: `code` is `EADDRINUSE` where the port is taken.
 */
export async function createEmulator(options: EmulatorOptions = {}): Promise<Emulator> {
  const { host = '127.0.0.1', port = 8787, tls, now = Date.now } = options
  const server = tls ? createSecureServer(tls) : createServer()
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve()
    })
  })
  return new Emulator(server, servicesOf(options, now), options)
}

function servicesOf(options: EmulatorOptions, now: () => number): Services {
  return {
    credentials: new Credentials(options.apiKeys ?? {}, now),
    speech: options.speech ?? new FliteVoice(),
    respond: options.respond ?? defaultReply,
    pace: { ...DEFAULT_PACE, ...options.pace },
    timeouts: { ...DEFAULT_TIMEOUTS, ...options.timeouts },
    calls: options.calls ?? null,
    agents: options.agents ?? {},
    now,
    transcripts: transcriptsOf(options),
  }
}

function refusalOf({ status, headers, body }: Extract<Fault, { type: 'refuse' }>): Refusal {
  return { status, ...(headers ? { headers } : {}), body: body ?? { error: 'refused by a fault' } }
}

function toBytes(data: RawData): Uint8Array {
  if (Array.isArray(data)) return Buffer.concat(data)
  return data instanceof ArrayBuffer ? new Uint8Array(data) : data
}
