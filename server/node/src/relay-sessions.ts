import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Admission } from './admission.ts'
import { hashUser, originOf } from './auth.ts'
import type { BudgetMeter } from './budget-meter.ts'
import type { RelayCode } from './codes.ts'
import type { RelayLogger } from './log.ts'
import type { RelayObserver } from './observer.ts'
import type { ResolvedOptions } from './options.ts'
import type { RelayPolicies } from './policy/policies.ts'
import { Session } from './relay/session.ts'
import type { SessionSummary } from './relay/session-options.ts'
import type { TimerWheel } from './relay/timer-wheel.ts'
import type { Holder, Revocations } from './state/shared-state.ts'
import type { ProviderHealth } from './token-service/provider-health.ts'
import type { Upstreams } from './upstreams.ts'

/** What sessions are made with, and who is told of them. */
export interface RelaySessionsOptions {
  readonly limits: ResolvedOptions
  readonly upstreams: Upstreams
  readonly policies: RelayPolicies
  readonly budgets: BudgetMeter
  readonly revocations: Revocations
  readonly providers: ProviderHealth
  readonly observer: RelayObserver
  readonly wheel: TimerWheel
  readonly log: RelayLogger
}

/** The sessions of a relay, those still dialling or closing included. */
export class RelaySessions {
  readonly #options: RelaySessionsOptions
  /** With what could be revoked of each; null: nothing. */
  readonly #holders: Map<Session, Holder | null>
  #whenEmpty: (() => void)[] = []

  /** @param holders Where they are kept; nobody else changes it. */
  constructor(holders: Map<Session, Holder | null>, options: RelaySessionsOptions) {
    this.#holders = holders
    this.#options = options
  }

  /**
   * Starts the session of a client whose handshake was answered.
   *
   * @param head What the client sent right behind its handshake.
   */
  start(request: IncomingMessage, socket: Socket, head: Buffer, admission: Admission): void {
    const { upstreams, policies, budgets, revocations, providers, wheel, limits, log } = this.#options
    const { route, identity, offered, release } = admission
    const user = identity.user?.user ?? null
    const id = randomUUID()
    const fields = {
      id,
      user: user && hashUser(user).slice(0, 16),
      path: route.path,
      origin: originOf(request),
    }
    const observer = this.#options.observer.accepted(request, route)
    const onFailure = (tool: string, error: string) => log.warn({ id, tool, error }, 'tool failed')
    const spent = () => session.end('budget_spent', 4429, "The day's budget is used up")
    const account = user === null ? null : budgets.open(user, spent)
    const session: Session = new Session(socket, {
      route,
      upstream: upstreams.request(route, offered, user),
      limits,
      maxSessionMs: maxSessionMs(limits.maxSessionSeconds, identity.user?.maxSeconds ?? 0),
      wheel,
      filter: policies.filter(route, { sessionId: id, user, onFailure }),
      onUsage: ({ tokens }) => {
        observer.used(tokens)
        account?.useTokens(tokens)
      },
      meter: observer.meter,
      onDial: (code, connectMs) => {
        providers.record(route.provider, code)
        observer.dialled(code, connectMs)
      },
      onEnd: (summary) => {
        release()
        account?.close()
        observer.ended(summary)
        this.#ended(session, fields, summary)
      },
    })
    const { holder } = identity
    this.#holders.set(session, holder)
    log.info(fields, 'session started')
    session.start(head)
    // It may have been revoked since it was let in.
    if (holder !== null && revocations.knows(holder)) endRevoked(session)
  }

  /** Tells all clients that the end is near. */
  warnAll(code: RelayCode, message: string): void {
    for (const session of this.#holders.keys()) session.warn(code, message)
  }

  /** Ends all sessions. */
  endAll(code: RelayCode, closeCode: number, message: string): void {
    for (const session of this.#holders.keys()) session.end(code, closeCode, message)
  }

  /** Ends the sessions of those who were revoked. */
  endRevoked(): void {
    for (const [session, holder] of this.#holders) {
      if (holder !== null && this.#options.revocations.knows(holder)) endRevoked(session)
    }
  }

  /** Resolves when there is no session. */
  empty(): Promise<void> {
    if (this.#holders.size === 0) return Promise.resolve()
    return new Promise((resolve) => this.#whenEmpty.push(resolve))
  }

  #ended(session: Session, fields: object, summary: SessionSummary): void {
    this.#holders.delete(session)
    this.#options.log.info({ ...fields, ...summary }, 'session ended')
    if (this.#holders.size > 0) return
    for (const resolve of this.#whenEmpty.splice(0)) resolve()
  }
}

/** The shorter of two lengths in seconds, where 0 is no limit; in ms. */
function maxSessionMs(...limits: readonly number[]): number {
  const seconds = Math.min(...limits.filter((limit) => limit > 0))
  return Number.isFinite(seconds) ? seconds * 1000 : 0
}

function endRevoked(session: Session): void {
  session.end('revoked', 4403, 'The right to talk was withdrawn')
}
