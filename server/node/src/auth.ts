import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { Refusal } from './codes.ts'
import type { OriginPolicy } from './origins.ts'
import { offeredProtocols, protocolCredential } from './relay/handshake.ts'
import { type ProviderName, parseTarget, type Route, readQuery } from './relay/routes.ts'
import type { Holder, Revocations } from './state/shared-state.ts'
import type { Ticket, TicketClaims, TicketVerifier, UsedTickets } from './tokens.ts'

/** A user as the application knows them, and what the application allows them. */
export type RelayUser = TicketClaims

/**
 * Asks the application who sent a request, by its session, cookie or bearer token.
 *
 * @returns null, or anything that is as good as false, where the application does not know.
 */
export type Authenticate = (request: IncomingMessage) => Promise<RelayUser | null> | RelayUser | null

export interface AuthOptions {
  readonly origins: OriginPolicy
  /** null: no tickets. */
  readonly verifier: TicketVerifier | null
  readonly used: UsedTickets
  readonly revocations: Revocations
  /** null: nobody but holders of tickets. */
  readonly authenticate: Authenticate | null
  /** Whether pages of an allowed origin need nothing. */
  readonly open: boolean
}

/** Who a client is. */
export interface Identity {
  /** What the ticket or the application says; null for somebody nobody knows. */
  readonly user: RelayUser | null
  /** The ticket that must be used up before the client is let in; null where there is none. */
  readonly ticket: Ticket | null
  /** What of it could be revoked; null: nothing. */
  readonly holder: Holder | null
}

/** The application's hook may take this long. */
const MOST_HOOK_MS = 10_000

/** The `Origin` of a request; null where it has none. */
export function originOf(request: IncomingMessage): string | null {
  return request.headers.origin ?? null
}

/**
 * The origin of the page that sent an ordinary request. A browser leaves `Origin` out of a GET to the page's own
 * origin, and says so.
 *
 * @see https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header
 */
export function pageOrigin(request: IncomingMessage, policy: OriginPolicy): string | null {
  const { origin, host = '', 'sec-fetch-site': site } = request.headers
  return origin ?? (site === 'same-origin' ? policy.onHost(host) : null)
}

/**
 * Finds out who a client is, before anything is accepted or dialled.
 *
 * @param origin Of the page; null for a request that comes from none.
 * @throws {Refusal} 401, 403 or 503.
 */
export async function identify(
  request: IncomingMessage,
  origin: string | null,
  route: Route,
  options: AuthOptions,
): Promise<Identity> {
  checkOrigin(origin, options.origins)
  if (options.open && origin !== null) return { user: null, ticket: null, holder: null }
  const credential = credentialOf(request)
  if (credential !== null && options.verifier !== null) {
    const ticket = await options.verifier.verify(credential)
    checkScope(ticket, route, origin)
    const holder = holderOf(ticket)
    await checkRevoked(holder, options.revocations)
    if (await options.used.has(ticket.id)) throw used()
    return { user: ticket, ticket, holder }
  }
  const issuedAt = Date.now() // what is revoked while the application thinks, is revoked
  const user = await askApplication(request, options.authenticate)
  if (user === null) throw new Refusal(401, 'ticket_missing', 'A ticket is needed')
  checkScope(user, route, origin)
  return { user, ticket: null, holder: { user: user.user, ticket: null, issuedAt } }
}

/**
 * Uses a ticket up.
 *
 * @throws {Refusal} 401 where it was used before.
 */
export async function useTicket(ticket: Ticket, store: UsedTickets): Promise<void> {
  if (!(await store.use(ticket.id, ticket.expiresAt))) throw used()
}

/** What of a ticket could be revoked. */
export function holderOf({ user, id, issuedAt }: Ticket): Holder {
  return { user, ticket: id, issuedAt }
}

/** @throws {Refusal} 401 where the ticket, or what the user was given before, was revoked. */
export async function checkRevoked(holder: Holder, revocations: Revocations): Promise<void> {
  if (await revocations.has(holder)) throw new Refusal(401, 'revoked', 'The right to talk was withdrawn')
}

/** @throws {Refusal} 403 where pages of this origin may not use the relay. */
export function checkOrigin(origin: string | null, policy: OriginPolicy): void {
  if (!policy.allows(origin)) throw new Refusal(403, 'origin_forbidden', 'This origin is not allowed')
}

/**
 * Asks the application's hook, for at most ten seconds.
 *
 * @throws {Refusal} 503 where the hook fails or does not answer.
 * @throws {TypeError} Where it answers neither with a user nor with nobody.
 */
export async function askApplication(
  request: IncomingMessage,
  authenticate: Authenticate | null,
): Promise<RelayUser | null> {
  if (authenticate === null) return null
  return readUser(await callHook(request, authenticate))
}

async function callHook(request: IncomingMessage, authenticate: Authenticate): Promise<unknown> {
  const timeout = Promise.withResolvers<never>()
  const timer = setTimeout(() => timeout.reject(new Error('The hook did not answer')), MOST_HOOK_MS)
  try {
    return await Promise.race([authenticate(request), timeout.promise])
  } catch (error) {
    if (error instanceof Refusal) throw error // the application said it better
    throw new Refusal(503, 'authentication_unavailable', 'The user cannot be checked at the moment', {
      retryAfterSeconds: 5,
    })
  } finally {
    clearTimeout(timer)
  }
}

/**
 * Hooks are JavaScript, too: `user && { … }` says no with whatever `user` is, and a user without a name, or one whose
 * time is up, would pass for somebody without limits.
 */
function readUser(answer: unknown): RelayUser | null {
  if (!answer) return null
  const { user, maxSeconds = 1 } = answer as Partial<RelayUser>
  if (typeof user === 'string' && user !== '' && typeof maxSeconds === 'number' && maxSeconds > 0) {
    return answer as RelayUser
  }
  throw new TypeError(
    'Cannot let a user in as authenticate must return null or a user with a text that is not empty, and maxSeconds above 0',
  )
}

/** A user in logs and at the provider: always the same, and nobody's name. 64 characters. */
export function hashUser(user: string): string {
  return createHash('sha256').update(user).digest('hex')
}

/** The credential a client shows: header, subprotocol or query, in this order. */
function credentialOf(request: IncomingMessage): string | null {
  // Deepgram's own clients say `Token`.
  const header = /^(?:bearer|token) +(\S+) *$/i.exec(request.headers.authorization ?? '')
  if (header !== null) return header[1]!
  const offered = protocolCredential(offeredProtocols(request))
  if (offered !== null) return offered
  return readQuery(parseTarget(request.url ?? '')?.query ?? '').get('token')
}

/** @throws {Refusal} Where the ticket is good, but not for this. */
function checkScope(claims: RelayUser, route: Route, origin: string | null): void {
  if (claims.origin !== undefined && claims.origin !== origin) {
    throw new Refusal(403, 'origin_forbidden', 'The ticket is for another origin')
  }
  if (claims.provider !== undefined && claims.provider !== route.provider) {
    throw new Refusal(403, 'provider_forbidden', `The ticket is not for ${providerTitle(route.provider)}`)
  }
  const { model } = claims
  if (model !== undefined && !(route.models.length === 1 && route.models[0] === model)) {
    throw new Refusal(403, 'model_forbidden', 'The ticket is for another model')
  }
}

function providerTitle(provider: ProviderName): string {
  return provider === 'openai' ? 'OpenAI' : 'Deepgram'
}

function used(): Refusal {
  return new Refusal(401, 'ticket_used', 'The ticket was used before')
}
