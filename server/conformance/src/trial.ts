import { randomBytes, randomInt, randomUUID } from 'node:crypto'
import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { type Answer, codeOf, parseObject, readAnswer } from './answer.ts'
import { describe, PATIENCE_MS, type Peer } from './peer.ts'
import type { Provider, Settings } from './settings.ts'
import { type Claims, type MintOptions, mint } from './tickets.ts'
import { CASE_PARAMETER, type Dial, type Expectation, type Upstream } from './upstream.ts'
import { demand, NotJudged, Violation, within } from './violation.ts'

/** How a client calls the relay. */
export interface CallOptions {
  /** Default that of `provider`. */
  readonly path?: string
  /** Default `openai`, or what the relay has a key for. */
  readonly provider?: Provider
  /** Beside what leads the session here; without `?`. */
  readonly query?: string
  /** In place of those of a correct handshake, or beside them; null leaves one out. */
  readonly headers?: Readonly<Record<string, string | null>>
  /** Subprotocols to offer. */
  readonly protocols?: readonly string[]
  /** Default a ticket of its own as a bearer (in the minimal profile: in the query); null: nothing is shown. */
  readonly ticket?: string | null
  /** Default that of nobody else. */
  readonly address?: string
  /** Default none: a client that is no page. */
  readonly origin?: string
  /** In place of `GET <target> HTTP/1.1`. */
  readonly start?: (target: string) => string
  /** Bytes behind the head. */
  readonly body?: string | Buffer
}

/** How a client was turned away: by a status, or by a close right behind the handshake (R-CLOSE-8). */
export interface Refused {
  readonly status: number
  readonly code: string
  readonly by: 'answer' | 'close'
  readonly answer: Answer
}

/** A handshake on its way. */
export interface Call {
  readonly expectation: Expectation
  /** The target that was asked for. */
  readonly target: string
  readonly socket: Socket
  /** @throws {Violation} Where nothing comes that is HTTP. */
  answer(ms?: number): Promise<Answer>
  /** The relay's handshake at the provider. @throws {Violation} Where none comes. */
  dialled(ms?: number): Promise<Dial>
}

/** A session with both its ends. */
export interface Session {
  readonly call: Call
  readonly answer: Answer
  readonly client: Peer
  readonly dial: Dial
  readonly provider: Peer
}

/** An answer to an ordinary request. */
export interface HttpAnswer {
  readonly status: number
  readonly header: (name: string) => string | null
  readonly text: string
  /** The body as JSON; null where it is none. */
  readonly json: Record<string, unknown> | null
}

export interface RequestOptions {
  /** Default GET. */
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly origin?: string
  readonly address?: string
  readonly body?: string
}

/** The provider's own paths, which are the relay's, too. */
export const PATHS = { openai: '/v1/realtime', deepgram: '/v1/agent/converse' } as const
/** What a simple proxy serves. */
const SIMPLE_PATHS = { openai: '/realtime', deepgram: '/deepgram-proxy' } as const

/** Which status a close stands for where a server cannot refuse an upgrade. */
const STATUS_OF_CLOSE: Readonly<Record<number, number>> = { 4401: 401, 4403: 403, 4429: 429, 1013: 503 }

/** What one rule does with the relay: clients, providers, tickets and requests of its own, all gone in the end. */
export class Trial {
  readonly settings: Settings
  readonly upstream: Upstream
  readonly #sockets: Socket[] = []
  readonly #expectations: Expectation[] = []

  constructor(settings: Settings, upstream: Upstream) {
    this.settings = settings
    this.upstream = upstream
  }

  /** The provider of a session for which none is named: one that the relay has a key for. */
  get provider(): Provider {
    return this.settings.keys.openai === undefined ? 'deepgram' : 'openai'
  }

  /** The providers that the relay has keys for. */
  get providers(): readonly Provider[] {
    return (['openai', 'deepgram'] as const).filter((name) => this.settings.keys[name] !== undefined)
  }

  /** An allowed origin. */
  get origin(): string {
    return this.settings.origins[0]!
  }

  /** An address that no other client has. */
  address(): string {
    return `10.${randomInt(256)}.${randomInt(256)}.${randomInt(1, 255)}`
  }

  /** A ticket with everything right but what is given. @throws {NotJudged} Where there is no secret. */
  ticket(claims: Claims = {}, options: MintOptions & { secret?: string } = {}): string {
    const { secret, issuer, audience } = this.settings
    if (secret === null) throw new NotJudged('no ticket secret was given')
    return mint({ secret: options.secret ?? secret, issuer, audience }, claims, options)
  }

  /** Sends a handshake, and waits for nothing. */
  async call(options: CallOptions = {}): Promise<Call> {
    const id = randomBytes(8).toString('hex')
    const provider = options.provider ?? this.provider
    const target = this.#target(options, provider, id)
    const expectation = this.upstream.expect(id)
    this.#expectations.push(expectation)
    const address = options.address ?? this.address()
    const socket = await this.#connect(address)
    socket.write(this.#handshake(target, address, options))
    return {
      expectation,
      target,
      socket,
      answer: async (ms = PATIENCE_MS) => {
        const answer = await readAnswer(socket, ms)
        // Where sessions are told apart by their order, the next handshake at the provider is another's.
        if (answer.client === null && this.upstream.byOrder) expectation.withdraw()
        return answer
      },
      dialled: (ms = PATIENCE_MS) => within(ms, expectation.dialled, 'the connection to the provider'),
    }
  }

  /** Opens a client only: the provider has not answered yet. @throws {Violation} Where it is refused. */
  async client(options: CallOptions = {}): Promise<{ call: Call; client: Peer; answer: Answer }> {
    const call = await this.call(options)
    const answer = await call.answer()
    return { call, client: this.#open(answer), answer }
  }

  /** Opens a session with both ends. @throws {Violation} Where there is none. */
  async session(options: CallOptions = {}): Promise<Session> {
    const call = await this.call(options)
    const answering = call.answer()
    answering.catch(() => {}) // awaited below, behind the dial
    const dial = await Promise.race([call.dialled(), answering.then((answer) => this.#refusedDial(answer))])
    const provider = (dial ?? (await this.#dialledFor(call, await answering))).accept()
    const answer = await answering
    return { call, answer, client: this.#open(answer), dial: await call.dialled(), provider }
  }

  /** As `session`, where it is the session itself that is judged. @throws {Violation} That begins with `what`. */
  async demandSession(options: CallOptions, what: string): Promise<void> {
    await this.session(options).catch((error: unknown) => {
      throw error instanceof Violation ? new Violation(`${what}: ${error.message}`) : error
    })
  }

  /** How a handshake is turned away. @throws {Violation} Where it is not. */
  async refused(options: CallOptions = {}): Promise<Refused> {
    const call = await this.call(options)
    return this.refusal(call)
  }

  /** As `refused`, for a handshake that is on its way. */
  async refusal(call: Call): Promise<Refused> {
    const answer = await call.answer()
    const { client, status, body } = answer
    if (client === null) return { status, code: codeOf(body), by: 'answer', answer }
    const dialled = call.expectation.dialled.then(() => null)
    const closing = await Promise.race([client.closed(), dialled])
    demand(closing !== null, 'the client was let in, and the provider dialled')
    const refusedBy = STATUS_OF_CLOSE[closing.code]
    demand(refusedBy !== undefined, `the client was let in, and then came ${describe(closing)}`)
    if (this.upstream.byOrder) call.expectation.withdraw()
    return { status: refusedBy, code: closing.reason, by: 'close', answer }
  }

  /** States that a handshake is turned away with this status and code. @throws {Violation} */
  async demandRefused(options: CallOptions, status: number, code: string, what: string): Promise<Refused> {
    const refused = await this.refused(options).catch((error: unknown) => {
      throw error instanceof Violation ? new Violation(`${what}: ${error.message}`) : error
    })
    const seen = `${refused.status} ${refused.code}`
    demand(refused.status === status && refused.code === code, `${what}: ${seen} and not ${status} ${code}`)
    return refused
  }

  /** An ordinary request below the prefix. */
  async request(path: string, options: RequestOptions = {}): Promise<HttpAnswer> {
    const { method = 'GET', headers = {}, origin, address = this.address(), body } = options
    const { relay, prefix } = this.settings
    const secure = /^(?:wss|https):$/.test(relay.protocol)
    const sent = {
      ...this.#addressHeaders(address),
      ...(origin !== undefined && { Origin: origin }),
      ...(body !== undefined && { 'Content-Length': String(Buffer.byteLength(body)) }),
      ...headers,
    }
    const asking = (secure ? requestHttps : requestHttp)({
      host: hostOf(relay),
      port: portOf(relay),
      path: prefix + path,
      method,
      headers: sent,
      agent: false,
      ...this.#source(address),
    })
    const answered = Promise.withResolvers<HttpAnswer>()
    asking.on('error', (error) => answered.reject(new Violation(`the request failed: ${codeOfError(error)}`)))
    asking.on('response', (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', (error) => answered.reject(error))
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString()
        answered.resolve({
          status: response.statusCode ?? 0,
          header: (name) => [response.headers[name.toLowerCase()] ?? null].flat().join(', ') || null,
          text,
          json: parseObject(text),
        })
      })
    })
    asking.end(body)
    try {
      return await within(PATIENCE_MS, answered.promise, `an answer to ${method} ${path.split('?', 1)[0]}`)
    } finally {
      asking.destroy()
    }
  }

  /** A connection that has sent nothing yet. */
  async connect(): Promise<Socket> {
    return this.#connect(this.address())
  }

  /** Drops everything that is left of it. */
  end(): void {
    for (const socket of this.#sockets) socket.destroy()
    for (const { dials, withdraw } of this.#expectations) {
      withdraw()
      for (const dial of dials) dial.socket.destroy()
    }
  }

  /** The dial for a client that was let in, and may be sent away at once (R-CLOSE-8). */
  async #dialledFor(call: Call, answer: Answer): Promise<Dial> {
    const dial = await Promise.race([call.dialled(), this.#open(answer).closing])
    if ('head' in dial) return dial
    throw new Violation(`the client was let in, and then came ${describe(dial)}`)
  }

  #open({ client, status, body }: Answer): Peer {
    demand(client !== null, `the handshake was answered with ${status} ${codeOf(body)}`)
    return client
  }

  #refusedDial(answer: Answer): null {
    this.#open(answer)
    return null
  }

  #target(options: CallOptions, provider: Provider, id: string): string {
    const { profile, prefix } = this.settings
    const simple = profile === 'minimal'
    const path = options.path ?? (simple ? SIMPLE_PATHS : PATHS)[provider]
    const service = simple && provider === 'deepgram' && options.path === undefined ? 'service=agent' : ''
    const shown = simple && options.ticket !== null ? this.#simpleToken(options) : null
    const parts = [
      service,
      shown === null ? '' : `token=${shown}`,
      options.query ?? '',
      `${CASE_PARAMETER}=${id}`,
    ]
    return `${prefix}${path}?${parts.filter((part) => part !== '').join('&')}`
  }

  #simpleToken({ ticket }: CallOptions): string | null {
    return ticket ?? this.settings.token ?? (this.settings.secret === null ? null : this.ticket())
  }

  #handshake(target: string, address: string, options: CallOptions): string | Buffer {
    const { ticket, headers = {}, protocols = [], origin, start, body = '' } = options
    const simple = this.settings.profile === 'minimal'
    // A simple proxy knows pages only.
    const from = origin ?? (simple ? this.origin : undefined)
    const all: Record<string, string | null> = {
      Host: this.settings.relay.host,
      Upgrade: 'websocket',
      Connection: 'Upgrade',
      'Sec-WebSocket-Version': '13',
      'Sec-WebSocket-Key': randomBytes(16).toString('base64'),
      ...(protocols.length > 0 && { 'Sec-WebSocket-Protocol': protocols.join(', ') }),
      ...(from !== undefined && { Origin: from }),
      ...(!simple && ticket !== null && { Authorization: `Bearer ${ticket ?? this.ticket()}` }),
      ...this.#addressHeaders(address),
      ...headers,
    }
    const lines = Object.entries(all)
      .filter(([, value]) => value !== null)
      .map(([name, value]) => `${name}: ${value}\r\n`)
    const head = `${start?.(target) ?? `GET ${target} HTTP/1.1`}\r\n${lines.join('')}\r\n`
    return typeof body === 'string' ? head + body : Buffer.concat([Buffer.from(head), body])
  }

  /** As the nearest of the proxies that are trusted says it; the others are between it and the client. */
  #addressHeaders(address: string): Record<string, string> {
    const { trustedProxies } = this.settings
    if (trustedProxies === 0) return {}
    const proxies = Array.from({ length: trustedProxies - 1 }, (_, index) => `192.0.2.${index + 1}`)
    return { 'X-Forwarded-For': [address, ...proxies].join(', ') }
  }

  /** Without a proxy a client has the address it comes from; on loopback it can choose, where the system lets it. */
  #source(address: string): { localAddress?: string } {
    const { trustedProxies, relay } = this.settings
    if (!choosesAddress(relay, trustedProxies)) return {}
    return { localAddress: address.replace(/^10\./, '127.') }
  }

  async #connect(address: string): Promise<Socket> {
    const { relay } = this.settings
    const where = { host: hostOf(relay), port: portOf(relay), ...this.#source(address) }
    const secure = /^(?:wss|https):$/.test(relay.protocol)
    const socket = secure
      ? connectTls({ ...where, servername: relay.hostname, ALPNProtocols: ['http/1.1'] })
      : connectTcp(where)
    this.#sockets.push(socket)
    socket.setNoDelay(true)
    const connected = Promise.withResolvers<void>()
    socket.once(secure ? 'secureConnect' : 'connect', () => connected.resolve())
    socket.on('error', (error) => connected.reject(new Violation(`cannot connect: ${codeOfError(error)}`)))
    await within(PATIENCE_MS, connected.promise, 'a connection to the relay')
    return socket
  }
}

/** Whether a client can choose an address of its own on loopback. */
export function choosesAddress(relay: URL, trustedProxies: number): boolean {
  return trustedProxies === 0 && relay.hostname === '127.0.0.1' && process.platform === 'linux'
}

function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, '') // an address of IPv6 has brackets in a URL only
}

function portOf({ port, protocol }: URL): number {
  if (port !== '') return Number(port)
  return protocol === 'wss:' || protocol === 'https:' ? 443 : 80
}

function codeOfError(error: Error): string {
  return (error as NodeJS.ErrnoException).code ?? error.name
}

/** A name that no other has: what a rule sends in places where it must not be found again. */
export function marker(): string {
  return `marker-${randomUUID()}`
}
