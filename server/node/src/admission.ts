import type { IncomingMessage } from 'node:http'
import { type AuthOptions, type Identity, identify, originOf, pageOrigin, useTicket } from './auth.ts'
import { Refusal } from './codes.ts'
import { addressOf, ConnectionLimits, checkRate, SlidingWindow } from './limits.ts'
import { decide, type RecordDecision } from './metrics/limit-decision.ts'
import type { ResolvedOptions } from './options.ts'
import { checkHandshake, offeredProtocols } from './relay/handshake.ts'
import type { Route } from './relay/routes.ts'
import type { Upstreams } from './upstreams.ts'

const WINDOW_MS = 60_000
/** After how long a client that met a cap on sessions may try again. */
const CAP_RETRY_SECONDS = 10

/** A client that may come in, and the place that is held for it. */
export interface Admission {
  readonly route: Route
  readonly identity: Identity
  /** The subprotocols it offers. */
  readonly offered: readonly string[]
  /** Gives the place back; only the first call counts. */
  readonly release: () => void
}

/** Decides who comes in, before anything is accepted or dialled. */
export class Admissions {
  readonly #options: ResolvedOptions
  readonly #auth: AuthOptions
  readonly #upstreams: Upstreams
  readonly #connections: ConnectionLimits
  readonly #upgrades: SlidingWindow
  readonly #record: RecordDecision
  /** Whether nobody new is let in. */
  draining = false

  /** @param record Is told what limits said. */
  constructor(options: ResolvedOptions, auth: AuthOptions, upstreams: Upstreams, record: RecordDecision) {
    this.#record = record
    this.#options = options
    this.#auth = auth
    this.#upstreams = upstreams
    const { maxConnections: total, maxConnectionsPerIp: perIp, maxConnectionsPerUser: perUser } = options
    this.#connections = new ConnectionLimits({ total, perIp, perUser })
    this.#upgrades = new SlidingWindow({ windowMs: WINDOW_MS, maxRequests: options.rateLimit })
  }

  /**
   * Lets a client in: holds a place for it and uses its ticket up.
   *
   * @throws {Refusal} Whatever stands in the way; the ticket is then as good as before.
   */
  async admit(request: IncomingMessage, route: Route): Promise<Admission> {
    checkHandshake(request)
    decide('upgrades', this.#record, () => checkRate(this.#upgrades.take(this.#addressOf(request))))
    const admission = await this.#consider(request, originOf(request), route)
    const { ticket } = admission.identity
    try {
      if (ticket !== null) await useTicket(ticket, this.#auth.used)
      return admission
    } catch (error) {
      admission.release()
      throw error
    }
  }

  /**
   * Says what `admit` would say to the same request as an upgrade, and changes nothing.
   *
   * @throws {Refusal} Always: 426 where nothing stands in the way.
   */
  async preview(request: IncomingMessage, route: Route): Promise<never> {
    checkRate(this.#upgrades.peek(this.#addressOf(request)))
    const origin = pageOrigin(request, this.#auth.origins)
    const admission = await this.#consider(request, origin, route)
    admission.release()
    throw new Refusal(426, 'upgrade_required', 'Nothing stands in the way: ask again as a WebSocket')
  }

  /** @throws {Refusal} 503 where nobody new is let in. */
  checkCapacity(): void {
    const retryAfterSeconds = CAP_RETRY_SECONDS
    if (this.draining) throw new Refusal(503, 'draining', 'The relay restarts', { retryAfterSeconds })
    if (!this.#connections.full) return
    throw new Refusal(503, 'at_capacity', 'The relay is full', { retryAfterSeconds })
  }

  #addressOf(request: IncomingMessage): string {
    return addressOf(request, this.#options.trustedProxies)
  }

  async #consider(request: IncomingMessage, origin: string | null, route: Route): Promise<Admission> {
    const offered = offeredProtocols(request)
    if (this.#connections.full) this.#record('connections', 'refused')
    this.checkCapacity()
    const identity = await identify(request, origin, route, this.#auth)
    this.#upstreams.check(route)
    const hold = () => this.#hold(this.#addressOf(request), identity.user?.user ?? null)
    const release = decide('connections', this.#record, hold)
    return { route, identity, offered, release }
  }

  #hold(ip: string, user: string | null): () => void {
    this.checkCapacity() // again: others came in while this client was identified
    if (this.#connections.check({ ip, user }) === null) return this.#connections.hold({ ip, user })
    throw new Refusal(429, 'too_many_connections', 'Too many sessions at one time', {
      retryAfterSeconds: CAP_RETRY_SECONDS,
    })
  }
}
