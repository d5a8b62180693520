import type { IncomingMessage } from 'node:http'
import { type AuthOptions, type Identity, identify, originOf, pageOrigin, useTicket } from './auth.ts'
import { checkBudget } from './budget-meter.ts'
import { Refusal } from './codes.ts'
import { addressOf, type Claimant, type ConnectionCaps } from './limits.ts'
import { decide, type RecordDecision } from './metrics/limit-decision.ts'
import type { ResolvedOptions } from './options.ts'
import type { RelayPolicies } from './policy/policies.ts'
import { checkHandshake, offeredProtocols } from './relay/handshake.ts'
import type { Route } from './relay/routes.ts'
import type { Cap, SharedState } from './state/shared-state.ts'
import { blockOptions } from './token-service/options.ts'
import { type LimitKey, RequestLimits } from './token-service/request-limits.ts'
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

/** Who judges beside the limits, what is agreed on with other instances, and who is told. */
export interface AdmissionParts {
  readonly auth: AuthOptions
  readonly upstreams: Upstreams
  readonly policies: RelayPolicies
  readonly state: SharedState
  /** Told when somebody was refused so often that they are blocked. */
  readonly onBlock: (request: IncomingMessage, key: LimitKey) => void
  /** Told what limits said. */
  readonly record: RecordDecision
}

/** A client that is known, and for whom no place is held yet. */
interface Considered extends Omit<Admission, 'release'> {
  readonly claimant: Claimant
}

/** Decides who comes in, before anything is accepted or dialled. */
export class Admissions {
  readonly #options: ResolvedOptions
  readonly #parts: AdmissionParts
  readonly #caps: ConnectionCaps
  readonly #upgrades: RequestLimits
  /** Whether nobody new is let in. */
  draining = false

  constructor(options: ResolvedOptions, parts: AdmissionParts) {
    this.#options = options
    this.#parts = parts
    const { maxConnections: total, maxConnectionsPerIp: perIp, maxConnectionsPerUser: perUser } = options
    this.#caps = { total, perIp, perUser }
    const limits = { name: 'upgrade', windowMs: WINDOW_MS, maxRequests: options.rateLimit }
    this.#upgrades = new RequestLimits({ ...limits, ...blockOptions(options.tokens) }, parts.state)
  }

  /**
   * Lets a client in: holds a place for it and uses its ticket up.
   *
   * @throws {Refusal} Whatever stands in the way; the ticket is then as good as before.
   */
  async admit(request: IncomingMessage, route: Route): Promise<Admission> {
    checkHandshake(request)
    const onBlock = (key: LimitKey) => this.#parts.onBlock(request, key)
    const address = this.#addressOf(request)
    await decide('upgrades', this.#parts.record, () => this.#upgrades.take('ip', address, onBlock))
    const { claimant, ...considered } = await this.#consider(request, originOf(request), route)
    const release = await decide('connections', this.#parts.record, () => this.#hold(claimant))
    const { ticket } = considered.identity
    try {
      if (ticket !== null) await useTicket(ticket, this.#parts.auth.used)
      return { ...considered, release }
    } catch (error) {
      release()
      throw error
    }
  }

  /**
   * Says what `admit` would say to the same request as an upgrade, and changes nothing.
   *
   * @throws {Refusal} Always: 426 where nothing stands in the way.
   */
  async preview(request: IncomingMessage, route: Route): Promise<never> {
    await this.#upgrades.peek('ip', this.#addressOf(request))
    const origin = pageOrigin(request, this.#parts.auth.origins)
    const { claimant } = await this.#consider(request, origin, route)
    refuse(await this.#parts.state.leases.check(claimant, this.#caps))
    throw new Refusal(426, 'upgrade_required', 'Nothing stands in the way: ask again as a WebSocket')
  }

  /** @throws {Refusal} 503 where nobody new is let in. */
  async checkCapacity(): Promise<void> {
    this.#checkDraining()
    refuse((await this.#parts.state.leases.hasRoom(this.#caps)) ? null : 'total')
  }

  async #checkRoom(): Promise<void> {
    this.#checkDraining()
    if (await this.#parts.state.leases.hasRoom(this.#caps)) return
    this.#parts.record('connections', 'refused')
    refuse('total')
  }

  #checkDraining(): void {
    const retryAfterSeconds = CAP_RETRY_SECONDS
    if (this.draining) throw new Refusal(503, 'draining', 'The relay restarts', { retryAfterSeconds })
  }

  #addressOf(request: IncomingMessage): string {
    return addressOf(request, this.#options.trustedProxies)
  }

  async #consider(request: IncomingMessage, origin: string | null, asked: Route): Promise<Considered> {
    const offered = offeredProtocols(request)
    await this.#checkRoom()
    const route = this.#parts.policies.restrict(asked)
    const identity = await identify(request, origin, route, this.#parts.auth)
    this.#parts.upstreams.check(route)
    const user = identity.user?.user ?? null
    if (user !== null) {
      await this.#upgrades.checkBlocked('user', user)
      await checkBudget(user, this.#options.budgets ?? {}, this.#parts.state.budgets)
    }
    this.#checkDraining() // again: it may have begun while this client was identified
    return { route, identity, offered, claimant: { ip: this.#addressOf(request), user } }
  }

  async #hold(claimant: Claimant): Promise<() => void> {
    const lease = await this.#parts.state.leases.hold(claimant, this.#caps)
    if (lease.refusedBy === null) return lease.release
    return refuse(lease.refusedBy)
  }
}

/** @throws {Refusal} 503 or 429 where a cap is reached. */
function refuse(cap: Cap): never
function refuse(cap: Cap | null): void
function refuse(cap: Cap | null): void {
  const retryAfterSeconds = CAP_RETRY_SECONDS
  if (cap === null) return
  if (cap === 'total') throw new Refusal(503, 'at_capacity', 'The relay is full', { retryAfterSeconds })
  throw new Refusal(429, 'too_many_connections', 'Too many sessions at one time', { retryAfterSeconds })
}
