import { randomUUID } from 'node:crypto'
import {
  createRemoteJWKSet,
  errors,
  type JWTPayload,
  type JWTVerifyGetKey,
  type JWTVerifyResult,
  jwtVerify,
  SignJWT,
} from 'jose'
import { Refusal } from './codes.ts'
import { given } from './given.ts'
import type { ProviderName } from './relay/routes.ts'

/** The header `typ` of every ticket, so that no other JWT of the same issuer passes for one (RFC 8725 §3.11). */
export const TICKET_TYPE = 'voicewire-ticket+jwt'

/** A ticket is read at every attempt to connect; nothing honest is longer. */
const MOST_TICKET_BYTES = 4096
/** No ticket may be good for longer than an hour, whoever signed it. */
const MOST_LIFE_SECONDS = 3600
const LEAST_SECRET_BYTES = 32
const MOST_TOLERANCE_SECONDS = 120
/** What public keys may sign with; never HS256, which would take a public key for a secret. */
const PUBLIC_KEY_ALGORITHMS = ['RS256', 'ES256', 'EdDSA', 'Ed25519']

/** How tickets are signed or checked. Exactly one of `secret` and `jwksUrl`. */
export interface TicketOptions {
  /** At least 32 bytes, shared by whoever issues tickets and every relay: HS256. */
  readonly secret?: string
  /** Where the issuer publishes its public keys: RS256, ES256 or EdDSA. Tickets are then issued elsewhere. */
  readonly jwksUrl?: string
  /** `iss`; default `voicewire`. */
  readonly issuer?: string
  /** `aud`; default `voicewire-relay`. */
  readonly audience?: string
  /** By how much the clocks of issuer and relay may differ; 0…120, default 5. */
  readonly clockToleranceSeconds?: number
}

/** What a ticket says. */
export interface TicketClaims {
  /** `sub`: the user, by the application's own id. */
  readonly user: string
  /** Good for this provider only. */
  readonly provider?: ProviderName
  /** Good for this model only; such a ticket cannot open a path that names no model in its query. */
  readonly model?: string
  /** Good for pages of this origin only. */
  readonly origin?: string
  /** The greatest length of the session, in seconds; more than 0. */
  readonly maxSeconds?: number
}

/** A ticket that was checked. */
export interface Ticket extends TicketClaims {
  /** `jti`: what makes it good only once. */
  readonly id: string
  /** The earliest time at which it can have been issued, whose clock was ahead or not; in ms of the epoch. */
  readonly issuedAt: number
  /** When it need not be remembered any more, in seconds of the epoch. */
  readonly expiresAt: number
}

/** A ticket that was issued. */
export interface IssuedTicket {
  readonly token: string
  /** In ms of the epoch. */
  readonly expiresAt: number
  /** In seconds from now. */
  readonly expiresIn: number
}

/**
 * Issues a ticket that is good for one session.
 *
 * @param claims Whom it is for, and what it allows.
 * @param options `secret` is needed. `durationMs`: 1,000…3,600,000, default 60,000.
 * @throws {TypeError} Where there is no secret, or a short one.
 * @throws {RangeError} Where the duration is out of range.
 */
export async function issueTicket(
  claims: TicketClaims,
  { durationMs = 60_000, ...options }: TicketOptions & { readonly durationMs?: number },
): Promise<IssuedTicket> {
  const expiresIn = Math.floor(durationMs / 1000)
  if (!(expiresIn >= 1 && expiresIn <= MOST_LIFE_SECONDS)) {
    throw new RangeError(
      `Cannot issue a ticket as durationMs must be in 1000…3600000: current value is ${durationMs}`,
    )
  }
  const now = Math.floor(Date.now() / 1000)
  const { user, maxSeconds, provider, model, origin } = claims
  const token = await new SignJWT({ provider, model, origin, max_seconds: maxSeconds })
    .setProtectedHeader({ alg: 'HS256', typ: TICKET_TYPE })
    .setIssuer(options.issuer ?? DEFAULTS.issuer)
    .setAudience(options.audience ?? DEFAULTS.audience)
    .setSubject(user)
    .setJti(randomUUID())
    .setIssuedAt(now)
    .setNotBefore(now)
    .setExpirationTime(now + expiresIn)
    .sign(secretKey(options.secret))
  return { token, expiresAt: (now + expiresIn) * 1000, expiresIn }
}

const DEFAULTS = { issuer: 'voicewire', audience: 'voicewire-relay', clockToleranceSeconds: 5 }

/** Checks tickets as RFC 8725 advises, and more narrowly where a ticket needs less than a JWT allows. */
export class TicketVerifier {
  readonly #options: Required<Pick<TicketOptions, 'issuer' | 'audience' | 'clockToleranceSeconds'>>
  readonly #verify: (token: string) => Promise<JWTPayload>

  /**
   * @throws {TypeError} Where there is not exactly one of `secret` and `jwksUrl`, or the secret is short.
   * @throws {RangeError} Where the tolerance is out of range.
   */
  constructor({ secret, jwksUrl, ...options }: TicketOptions) {
    if ((secret === undefined) === (jwksUrl === undefined)) {
      throw new TypeError('Cannot check tickets as exactly one of secret and jwksUrl must be given')
    }
    this.#options = { ...DEFAULTS, ...given(options) }
    checkTolerance(this.#options.clockToleranceSeconds)
    const { issuer, audience, clockToleranceSeconds: clockTolerance } = this.#options
    const rules = {
      issuer,
      audience,
      clockTolerance,
      typ: TICKET_TYPE,
      requiredClaims: ['exp', 'iat', 'jti', 'sub'],
    }
    if (jwksUrl === undefined) {
      const key = secretKey(secret)
      this.#verify = async (token) => plain(await jwtVerify(token, key, { ...rules, algorithms: ['HS256'] }))
    } else {
      const keys = remoteKeys(jwksUrl)
      const algorithms = PUBLIC_KEY_ALGORITHMS
      this.#verify = async (token) => plain(await jwtVerify(token, keys, { ...rules, algorithms }))
    }
  }

  /**
   * Checks everything but whether the ticket was used before.
   *
   * @throws {Refusal} 401 where it is not good; 503 where the issuer's keys cannot be had.
   */
  async verify(token: string): Promise<Ticket> {
    if (Buffer.byteLength(token) > MOST_TICKET_BYTES) throw invalid()
    try {
      return this.#read(await this.#verify(token))
    } catch (error) {
      throw refusal(error)
    }
  }

  #read(payload: JWTPayload): Ticket {
    const { sub, jti, iat = 0, exp = 0 } = payload
    const tolerance = this.#options.clockToleranceSeconds
    const now = Date.now() / 1000
    if (iat > now + tolerance || exp - iat > MOST_LIFE_SECONDS || exp > now + MOST_LIFE_SECONDS + tolerance) {
      throw invalid()
    }
    if (!isText(sub, 256) || !isText(jti, 128)) throw invalid()
    const issuedAt = (iat - tolerance) * 1000
    return { user: sub, id: jti, issuedAt, expiresAt: exp + tolerance, ...readLimits(payload) }
  }
}

/** A ticket needs no extension, not even one that changes nothing, and says of none how its payload is written. */
function plain({ payload, protectedHeader }: JWTVerifyResult): JWTPayload {
  if (protectedHeader.crit !== undefined || protectedHeader.b64 === false) throw invalid()
  return payload
}

/** @throws {RangeError} Where it is out of range, or no number: nothing would be too early or too late. */
function checkTolerance(seconds: number): void {
  if (seconds >= 0 && seconds <= MOST_TOLERANCE_SECONDS) return
  throw new RangeError(
    `Cannot check tickets as clockToleranceSeconds must be in 0…${MOST_TOLERANCE_SECONDS}: current value is ${seconds}`,
  )
}

/** Remembers which tickets were used, at least until they expire. */
export interface UsedTickets {
  /** Whether a ticket was used. */
  has(id: string): Promise<boolean>
  /**
   * Marks a ticket as used; of several callers at once exactly one gets true.
   *
   * @param expiresAt In seconds of the epoch.
   */
  use(id: string, expiresAt: number): Promise<boolean>
}

/** Used tickets in memory: for one process. */
export class MemoryUsedTickets implements UsedTickets {
  readonly #expiry = new Map<string, number>()
  #sweptAt = 0

  async has(id: string): Promise<boolean> {
    return this.#expiry.has(id)
  }

  async use(id: string, expiresAt: number): Promise<boolean> {
    this.#sweep()
    if (this.#expiry.has(id)) return false
    this.#expiry.set(id, expiresAt)
    return true
  }

  #sweep(): void {
    const now = Date.now() / 1000
    if (now - this.#sweptAt < 10) return // seldom enough to cost nothing, often enough to stay small
    this.#sweptAt = now
    for (const [id, expiresAt] of this.#expiry) if (expiresAt < now) this.#expiry.delete(id)
  }
}

/** The optional claims; a wrong one is refused rather than ignored, as it was meant to narrow. */
function readLimits(payload: JWTPayload): Omit<TicketClaims, 'user'> {
  const { provider, model, origin, max_seconds: maxSeconds } = payload
  if (provider !== undefined && provider !== 'openai' && provider !== 'deepgram') throw invalid()
  if (model !== undefined && !isText(model, 256)) throw invalid()
  if (origin !== undefined && !isText(origin, 256)) throw invalid()
  if (maxSeconds !== undefined && !(typeof maxSeconds === 'number' && maxSeconds > 0)) throw invalid()
  return {
    ...(provider !== undefined && { provider }),
    ...(model !== undefined && { model }),
    ...(origin !== undefined && { origin }),
    ...(maxSeconds !== undefined && { maxSeconds }),
  }
}

function isText(value: unknown, mostCharacters: number): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= mostCharacters
}

/** One answer for all that is wrong with a ticket but its age: a forger learns nothing from it. */
function invalid(): Refusal {
  return new Refusal(401, 'ticket_invalid', 'The ticket is not good here')
}

function refusal(error: unknown): Refusal {
  if (error instanceof Refusal) return error
  if (error instanceof errors.JWTExpired) return new Refusal(401, 'ticket_expired', 'The ticket has expired')
  return invalid()
}

/** The issuer's published keys; where they cannot be had, that is nothing the ticket could help. */
function remoteKeys(url: string): JWTVerifyGetKey {
  const keys = createRemoteJWKSet(new URL(url))
  return async (header, token) => {
    try {
      return await keys(header, token)
    } catch (error) {
      if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys)
        throw error
      throw new Refusal(503, 'authentication_unavailable', 'Tickets cannot be checked at the moment', {
        retryAfterSeconds: 5,
      })
    }
  }
}

function secretKey(secret: string | undefined): Uint8Array {
  const bytes = Buffer.from(secret ?? '')
  if (bytes.length < LEAST_SECRET_BYTES) {
    throw new TypeError(
      `Cannot use the ticket secret as it must be at least ${LEAST_SECRET_BYTES} bytes: current value has ${bytes.length}`,
    )
  }
  return bytes
}
