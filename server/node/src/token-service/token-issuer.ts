import { createHash, randomUUID, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { decodeJwt } from 'jose'
import { z } from 'zod'
import { askApplication, checkRevoked, type RelayUser } from '../auth.ts'
import { checkBudget, isLimited } from '../budget-meter.ts'
import { Refusal } from '../codes.ts'
import type { ProviderName } from '../relay/routes.ts'
import { type IssuedTicket, issueTicket, type TicketClaims } from '../tokens.ts'
import type { DirectTokens } from './direct-tokens.ts'
import { readJsonBody, textField } from './json-body.ts'
import type { ResolvedTokenOptions } from './options.ts'
import type { SessionKeeper } from './session-keeper.ts'
import type { TokenMode, TokenSession } from './sessions.ts'

const tokenRequest = z.object({
  provider: z.enum(['openai', 'deepgram']).optional(),
  use: z.enum(['relay', 'direct']).optional(),
})

const refreshRequest = z.object({ sessionId: textField(128) })

/** Who asks; filled in as it becomes known, so that a refusal can tell, too. */
export interface Asking {
  readonly request: IncomingMessage
  readonly address: string
  readonly origin: string | null
  user: string | null
  sessionId: string | null
  mode: TokenMode | null
  /** Counts a request of `user`. */
  readonly limitUser: (user: string) => Promise<void>
}

/** What a page is given. */
export interface TokenAnswer extends IssuedTicket {
  readonly success: true
  readonly sessionId: string
  readonly mode: TokenMode
}

/** Issues tokens, and others in their place. */
export class TokenIssuer {
  readonly #options: ResolvedTokenOptions
  readonly #sessions: SessionKeeper
  readonly #direct: DirectTokens | null

  /** @param direct null: nobody talks to a provider without the relay. */
  constructor(options: ResolvedTokenOptions, sessions: SessionKeeper, direct: DirectTokens | null) {
    this.#options = options
    this.#sessions = sessions
    this.#direct = direct
  }

  /**
   * Begins a session with its first token.
   *
   * @throws {Refusal} With the status that the answer must have.
   */
  async issue(asking: Asking): Promise<TokenAnswer> {
    const body = await readJsonBody(asking.request, tokenRequest)
    const relay = (body.use ?? (this.#relays ? 'relay' : 'direct')) === 'relay'
    if (relay && !this.#relays) throw new Refusal(400, 'bad_request', 'The field "use" must be "direct" here')
    if (!relay && this.#direct === null) throw unreachable()
    const beganAt = Date.now() // what is revoked while the application thinks must count
    const user = await this.#findUser(asking)
    asking.user = user.user
    await asking.limitUser(user.user)
    await this.#checkBudget(user)
    const mode = relay ? 'relay' : this.#providerFor(user, body.provider)
    asking.mode = mode
    const { origin } = asking
    checkTicketOrigin(user, origin)
    const claims = { ...user, ...(origin !== null && { origin }), ...narrowed(user, body.provider) }
    const holder = { user: user.user, ticket: null, issuedAt: beganAt }
    await checkRevoked(holder, this.#options.state.revocations)
    const token = await this.#mint(mode, claims)
    const sessionId = randomUUID()
    await this.#sessions.add(sessionId, sessionOf({ claims, mode, origin, beganAt, refreshes: 0 }, token))
    asking.sessionId = sessionId
    return { success: true, ...token, sessionId, mode }
  }

  /**
   * Replaces a session's token, which the request must show; it may have been used, or have just expired.
   *
   * @throws {Refusal} With the status that the answer must have.
   */
  async refresh(asking: Asking): Promise<TokenAnswer> {
    const { sessionId } = await readJsonBody(asking.request, refreshRequest)
    const shown = /^bearer +(\S+) *$/i.exec(asking.request.headers.authorization ?? '')?.[1]
    if (shown === undefined) throw new Refusal(401, 'ticket_missing', "The session's token is needed")
    const session = await this.#sessions.get(sessionId)
    if (session === null) throw new Refusal(401, 'session_unknown', 'There is no such session, or no more')
    const { claims, mode, origin, beganAt = 0, refreshes, tokenHash } = session
    asking.sessionId = sessionId
    asking.mode = mode
    if (!sameHash(tokenHash, hashToken(shown))) throw foreign()
    asking.user = claims.user
    await asking.limitUser(claims.user)
    await checkRevoked(
      { user: claims.user, ticket: mode === 'relay' ? ticketId(shown) : null, issuedAt: beganAt },
      this.#options.state.revocations,
    )
    await this.#checkBudget(claims)
    if (origin !== asking.origin) {
      throw new Refusal(403, 'origin_forbidden', 'The session is of another origin')
    }
    this.#checkAge(session)
    const token = await this.#mint(mode, claims)
    const next = sessionOf({ claims, mode, origin, beganAt, refreshes: refreshes + 1 }, token)
    // Another request with the same token may have been quicker.
    if (!(await this.#sessions.replace(sessionId, tokenHash, next))) throw foreign()
    return { success: true, ...token, sessionId, mode }
  }

  get #relays(): boolean {
    return this.#options.tickets?.secret !== undefined
  }

  #checkBudget({ user }: TicketClaims): Promise<void> {
    return checkBudget(user, this.#options.budgets ?? {}, this.#options.state.budgets)
  }

  #checkAge({ expiresAt, refreshes }: TokenSession): void {
    const { maxRefreshes, refreshGraceMs } = this.#options
    if (Date.now() > expiresAt + refreshGraceMs) {
      throw new Refusal(401, 'ticket_expired', 'The token expired too long ago')
    }
    if (maxRefreshes > 0 && refreshes >= maxRefreshes) {
      throw new Refusal(403, 'refresh_limit', 'The session was refreshed as often as it may be')
    }
  }

  #mint(mode: TokenMode, claims: TicketClaims): Promise<IssuedTicket> {
    if (mode === 'relay') return this.#ticket(claims)
    // What is used there nobody counts.
    if (isLimited(this.#options.budgets ?? {})) throw unreachable()
    // A session of an instance that was configured otherwise does not keep what is not enabled any more.
    if (this.#direct?.providers.includes(mode) !== true) throw unreachable()
    return this.#direct.mint(mode, claims)
  }

  #ticket(claims: TicketClaims): Promise<IssuedTicket> {
    return issueTicket(claims, { ...this.#options.tickets, durationMs: this.#options.tokenDurationMs })
  }

  async #findUser({ request, origin, address }: Asking): Promise<RelayUser> {
    const { authenticate = null, production } = this.#options
    const user = await askApplication(request, authenticate)
    if (user !== null) return user
    const anybody = authenticate === null && !production && origin !== null
    if (!anybody) throw new Refusal(401, 'unauthenticated', 'The user is not known')
    return { user: `anonymous ${address}` }
  }

  #providerFor(user: RelayUser, asked: ProviderName | undefined): ProviderName {
    const { providers } = this.#direct!
    const provider = asked ?? user.provider ?? (providers.length === 1 ? providers[0] : undefined)
    if (provider === undefined) {
      throw new Refusal(400, 'bad_request', 'The field "provider" is needed with "use": "direct"')
    }
    if (providers.includes(provider)) return provider
    throw unreachable()
  }
}

function unreachable(): Refusal {
  return new Refusal(403, 'direct_forbidden', 'This provider can only be reached through the relay')
}

/** What the page asks for may narrow what the application allows, never widen it. */
function narrowed(user: RelayUser, provider: ProviderName | undefined): Partial<RelayUser> {
  if (provider === undefined) return {}
  if (user.provider !== undefined && user.provider !== provider) {
    throw new Refusal(403, 'provider_forbidden', 'The user may not use this provider')
  }
  return { provider }
}

function checkTicketOrigin(user: RelayUser, origin: string | null): void {
  if (user.origin === undefined || origin === null || user.origin === origin) return
  throw new Refusal(403, 'origin_forbidden', 'The user may not use the relay from this origin')
}

function sessionOf(
  session: Omit<TokenSession, 'tokenHash' | 'expiresAt'>,
  { token, expiresAt }: IssuedTicket,
): TokenSession {
  return { ...session, tokenHash: hashToken(token), expiresAt }
}

/** `jti` of a ticket that is known to be ours. */
function ticketId(token: string): string | null {
  return decodeJwt(token).jti ?? null
}

function hashToken(token: string): string {
  return createHash('sha256').update(token).digest('hex')
}

function sameHash(one: string, other: string): boolean {
  return one.length === other.length && timingSafeEqual(Buffer.from(one), Buffer.from(other))
}

/** Also where the token was the session's once: what was replaced is nobody's any more. */
function foreign(): Refusal {
  return new Refusal(403, 'session_forbidden', "The token is not the session's current one")
}
