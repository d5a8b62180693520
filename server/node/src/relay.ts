import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type Admission, Admissions } from './admission.ts'
import { type AuthOptions, originOf } from './auth.ts'
import { BudgetMeter } from './budget-meter.ts'
import { Refusal } from './codes.ts'
import { type EndpointOptions, findEndpoint } from './endpoints.ts'
import {
  type Answer,
  answerOfError,
  commonHeaders,
  refusalAnswer,
  writeAnswer,
  writeRefusedUpgrade,
} from './http.ts'
import { addressOf } from './limits.ts'
import type { RelayLogger } from './log.ts'
import { allowListed, logToStdout } from './log.ts'
import type { Monitoring } from './metrics/monitoring.ts'
import { RelayMetrics } from './metrics/registry.ts'
import { RelayObserver } from './observer.ts'
import { type RelayOptions, type ResolvedOptions, resolveOptions } from './options.ts'
import { type OriginPolicy, originPolicy } from './origins.ts'
import { RelayPolicies } from './policy/policies.ts'
import { acceptValue, selectProtocol } from './relay/handshake.ts'
import { findRoute, parseTarget, type Route } from './relay/routes.ts'
import type { Session } from './relay/session.ts'
import { TimerWheel } from './relay/timer-wheel.ts'
import { relayEndpoints, relayMonitoring } from './relay-endpoints.ts'
import { RelaySessions } from './relay-sessions.ts'
import { type OpenedState, openState } from './state/open-state.ts'
import type { Holder, Revoked } from './state/shared-state.ts'
import { type Audit, auditTo, safely } from './token-service/audit.ts'
import { ProviderHealth } from './token-service/provider-health.ts'
import type { LimitKey } from './token-service/request-limits.ts'
import { TicketVerifier } from './tokens.ts'
import { createTracing } from './tracing.ts'
import { Upstreams } from './upstreams.ts'

/** Limits on the handshake itself, against clients that send it a byte at a time. */
const SERVER_LIMITS = {
  headersTimeout: 10_000,
  requestTimeout: 15_000,
  connectionsCheckingInterval: 1000,
  maxHeaderSize: 16 * 1024,
} as const

/** How a relay shares a server with others. */
export interface AttachOptions {
  /**
   * Whether somebody else answers an upgrade to a path that is not the relay's; what nobody answers gets 404.
   * Default: all of them, where the server has another listener of upgrades.
   */
  readonly takenElsewhere?: (request: IncomingMessage) => boolean
}

/** Where a relay of its own listens. */
export interface ListenOptions {
  /** Default `127.0.0.1`. */
  readonly host?: string
  /** Default 0: any free port. */
  readonly port?: number
}

/**
 * Makes a relay. Nothing listens and no provider is dialled until it is mounted or told to listen.
 *
 * @throws {TypeError} Where the options are wrong or unsafe.
 * @throws {RangeError} Where a number of the token service is out of range.
 */
export function createRelay(options: RelayOptions): Relay {
  return new Relay(options)
}

/**
 * Stands between clients and providers: lets in whom it knows, dials the provider with the key that nobody
 * else sees, and passes messages on. It can be mounted into any server of `node:http`, or listen by itself.
 */
export class Relay {
  readonly #options: ResolvedOptions
  readonly #origins: OriginPolicy
  readonly #log: RelayLogger
  readonly #shared: OpenedState
  readonly #wheel = new TimerWheel()
  readonly #kept = new Map<Session, Holder | null>()
  readonly #metrics = new RelayMetrics(this.#kept)
  readonly #observer: RelayObserver
  readonly #sessions: RelaySessions
  readonly #admissions: Admissions
  readonly #audit: Audit
  readonly #endpoints: EndpointOptions
  readonly #monitoring: Monitoring | null
  readonly #forgetRevocations: () => void
  #server: Server | null = null

  constructor(options: RelayOptions) {
    this.#options = resolveOptions(options)
    const log = allowListed(options.logger ?? logToStdout())
    const observer = new RelayObserver(this.#metrics, createTracing(options))
    const upstreams = new Upstreams(options)
    const policies = new RelayPolicies(options.policy, options.tools)
    const providers = new ProviderHealth()
    const wheel = this.#wheel
    this.#log = log
    this.#observer = observer
    this.#origins = originPolicy(this.#options.allowedOrigins)
    this.#audit = safely(options.tokens?.audit ?? auditTo(log), log)
    this.#shared = openState(options, log)
    const { state } = this.#shared
    this.#metrics.watchState(state)
    const { revocations } = state
    const budgets = new BudgetMeter(options.budgets ?? {}, state.budgets, { wheel })
    const made = { upstreams, policies, budgets, revocations, providers, observer, wheel, log }
    this.#sessions = new RelaySessions(this.#kept, { limits: this.#options, ...made })
    this.#forgetRevocations = revocations.subscribe(() => this.#sessions.endRevoked())
    const onBlock = (request: IncomingMessage, key: LimitKey) => this.#auditBlock(request, key)
    this.#admissions = new Admissions(this.#options, {
      auth: this.#authOptions(),
      upstreams,
      policies,
      state,
      onBlock,
      record: (limiter, decision) => observer.limited(limiter, decision),
    })
    const shared = { options: this.#options, admissions: this.#admissions, metrics: this.#metrics }
    const parts = { ...shared, state, audit: this.#audit, providers, observer, log, onBlock }
    this.#endpoints = relayEndpoints(parts)
    this.#monitoring = relayMonitoring(parts)
    if (this.#options.open === false) return
    log.warn('THE RELAY IS OPEN: any page of an allowed origin spends your credit')
  }

  /** How many sessions there are, those still dialling or closing included. */
  get sessions(): number {
    return this.#kept.size
  }

  /** Whether no new sessions are let in, as the relay is being closed. */
  get draining(): boolean {
    return this.#admissions.draining
  }

  /** All metrics in Prometheus' text format, for an application that shows them itself. */
  metrics(): Promise<string> {
    return this.#metrics.text()
  }

  /**
   * Mounts the relay into a server: its paths are answered here, all others by whoever listened before.
   *
   * @param options Who answers upgrades to other paths.
   * @returns A function that takes the relay out again; sessions stay.
   */
  attach(server: Server, { takenElsewhere }: AttachOptions = {}): () => void {
    void this.#shared.state.opened()
    const before = server.listeners('request') as RequestListener[]
    const onRequest = (request: IncomingMessage, response: ServerResponse) => {
      if (this.handleRequest(request, response)) return
      if (before.length === 0) this.#answer(request, response, refusalAnswer(notFound()))
      for (const listener of before) listener.call(server, request, response)
    }
    const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      if (this.handleUpgrade(request, socket, head)) return
      const taken = takenElsewhere?.(request) ?? server.listenerCount('upgrade') > 1
      if (!taken) this.#refuseUpgrade(request, socket, notFound())
    }
    server.removeAllListeners('request')
    server.on('request', onRequest)
    server.on('upgrade', onUpgrade)
    return () => {
      server.off('request', onRequest)
      server.off('upgrade', onUpgrade)
      for (const listener of before) server.on('request', listener)
    }
  }

  /**
   * Answers an ordinary request, if its path is the relay's.
   *
   * @returns Whether it is.
   */
  handleRequest(request: IncomingMessage, response: ServerResponse): boolean {
    if (this.#monitoring?.handle(request, response)) return true
    const answer = findEndpoint(request, this.#endpoints)
    if (answer === null) return false
    answer().then(
      (given) => this.#answer(request, response, given),
      (error: unknown) => this.#answer(request, response, answerOfError(error, this.#log)),
    )
    return true
  }

  /**
   * Takes over an upgrade, if its path is the relay's.
   *
   * @param socket As the event `upgrade` of `node:http` has it.
   * @param head What the client sent right behind its handshake.
   * @returns Whether it is; otherwise the socket is untouched.
   */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): boolean {
    const route = this.#findRoute(request)
    if (route === null) return false
    socket.on('error', () => {}) // a client may leave at any moment; 'close' says so too
    this.#admissions.admit(request, route).then(
      (admission) => this.#accept(request, socket as Socket, head, admission),
      (error: unknown) => this.#refuseUpgrade(request, socket, error),
    )
    return true
  }

  /**
   * Listens by itself.
   *
   * @returns The address, such as `http://127.0.0.1:8080`.
   */
  async listen({ host = '127.0.0.1', port = 0 }: ListenOptions = {}): Promise<string> {
    await this.#shared.state.opened()
    const server = createServer(SERVER_LIMITS)
    this.#server = server
    this.attach(server)
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    server.once('error', reject)
    server.listen(port, host, resolve)
    await promise
    server.off('error', reject)
    const metricsPort = (await this.#listenForMetrics(server)) ?? null
    if (metricsPort !== null) this.#log.info({ port: metricsPort }, 'metrics are served')
    const { address, family, port: actual } = server.address() as AddressInfo
    return `http://${family === 'IPv6' ? `[${address}]` : address}:${actual}`
  }

  /**
   * Lets nobody in any more, warns those who are here, gives them time to finish, closes the rest with 1012,
   * and resolves when all connections are gone, that to Redis too. A second call with less time shortens the
   * first one's.
   */
  async close({ drainSeconds = 0 }: { readonly drainSeconds?: number } = {}): Promise<void> {
    if (!this.draining) {
      this.#log.info({ sessions: this.sessions }, 'draining')
      this.#metrics.drained()
    }
    this.#admissions.draining = true
    this.#server?.close()
    this.#server?.closeIdleConnections()
    const message = `The relay restarts within ${drainSeconds} seconds`
    if (drainSeconds > 0) this.#sessions.warnAll('draining', message)
    const endAll = () => this.#sessions.endAll('draining', 1012, 'The relay restarts')
    const timer = this.#wheel.schedule(drainSeconds * 1000, endAll)
    await this.#sessions.empty()
    timer.cancel()
    this.#server?.closeAllConnections()
    this.#monitoring?.close()
    this.#forgetRevocations()
    await this.#shared.close()
  }

  /**
   * Calls back what a user was given until now, or one ticket: live sessions end with 4403 at all instances, tickets
   * and refreshes are refused. Whom the application authenticates afterwards comes in again.
   *
   * @returns Whether all instances were told; otherwise they are as soon as Redis is back.
   */
  revoke(revoked: Revoked): Promise<boolean> {
    return this.#shared.state.revocations.revoke(revoked)
  }

  #authOptions(): AuthOptions {
    const { tickets, usedTickets, authenticate, open } = this.#options
    return {
      origins: this.#origins,
      verifier: tickets === undefined ? null : new TicketVerifier(tickets),
      used: usedTickets ?? this.#shared.state.usedTickets,
      revocations: this.#shared.state.revocations,
      authenticate: authenticate ?? null,
      open: open !== false,
    }
  }

  #auditBlock(request: IncomingMessage, key: LimitKey): void {
    const address = addressOf(request, this.#options.trustedProxies)
    const unknown = { user: null, sessionId: null, mode: null, code: null }
    this.#audit({ event: 'blocked', at: Date.now(), address, origin: originOf(request), ...unknown, key })
  }

  /** Where the port of its own is taken, nothing is left listening. */
  async #listenForMetrics(server: Server): Promise<number | null | undefined> {
    try {
      return await this.#monitoring?.listen()
    } catch (error) {
      server.close()
      throw error
    }
  }

  #findRoute(request: IncomingMessage): Route | null {
    const target = parseTarget(request.url ?? '')
    return target === null ? null : findRoute(target, this.#options.prefix)
  }

  #accept(request: IncomingMessage, socket: Socket, head: Buffer, admission: Admission): void {
    // Who has left while it was judged says so only once: nobody would hear of it any more.
    if (socket.destroyed || !socket.writable || socket.readableEnded) {
      socket.destroy()
      admission.release()
      this.#observer.abandoned(admission.route.path)
      return
    }
    if (this.draining) {
      admission.release()
      this.#refuseUpgrade(request, socket, new Refusal(503, 'draining', 'The relay restarts'))
      return
    }
    const protocol = selectProtocol(admission.offered)
    const accept = acceptValue(request.headers['sec-websocket-key'] ?? '')
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        `Sec-WebSocket-Accept: ${accept}\r\n` +
        (protocol === null ? '\r\n' : `Sec-WebSocket-Protocol: ${protocol}\r\n\r\n`),
    )
    try {
      this.#sessions.start(request, socket, head, admission)
    } catch (error) {
      // Something of the application's failed, such as its tracer: that must cost nobody else the process.
      admission.release()
      socket.destroy()
      this.#log.warn({ error: error instanceof Error ? error.name : typeof error }, 'session failed')
    }
  }

  #refuseUpgrade(request: IncomingMessage, socket: Duplex, error: unknown): void {
    const answer = answerOfError(error, this.#log)
    writeRefusedUpgrade(socket, answer, commonHeaders(request, this.#origins))
    const path = this.#findRoute(request)?.path ?? null
    const code = error instanceof Refusal ? error.code : null
    const { status } = answer
    this.#observer.refused(request, path, { status, code })
    this.#log.info({ path, origin: originOf(request), status, code }, 'upgrade refused')
  }

  #answer(request: IncomingMessage, response: ServerResponse, answer: Answer): void {
    writeAnswer(response, answer, commonHeaders(request, this.#origins))
  }
}

type RequestListener = (request: IncomingMessage, response: ServerResponse) => void

function notFound(): Refusal {
  return new Refusal(404, 'not_found', 'There is nothing at this path')
}
