import { createHmac, createPublicKey, randomUUID, timingSafeEqual, verify } from 'node:crypto'
import type { Has } from './faults.ts'
import { Refusal } from './refusal.ts'

/** What a ticket says, once it is believed. */
export interface TicketClaims {
  readonly sub: string
  readonly jti: string
  readonly iat: number
  readonly exp: number
  readonly provider?: string
  readonly model?: string
  readonly origin?: string
  readonly max_seconds?: number
  /** Whether the relay itself issued it. */
  readonly issued?: boolean
}

const TOLERANCE_SECONDS = 5

/** @throws {Refusal} 401 where it is not to be believed. */
export function readTicket(token: string, secret: string, has: Has): TicketClaims {
  const invalid = new Refusal(401, 'ticket_invalid')
  if (token.length > 4096 && !has('any-size')) throw invalid
  const [head = '', body = '', signature = '', ...more] = token.split('.')
  const header = parse(head)
  const claims = parse(body)
  if (header === null || claims === null || more.length > 0) throw invalid
  if (has('expired-before-forged') && Number.isFinite(claims['exp'])) checkExpiry(claims, has)
  if (!isSigned(header, `${head}.${body}`, signature, secret, has)) throw invalid
  if (header['typ'] !== 'voicewire-ticket+jwt' && !has('any-type')) throw invalid
  if (!isWellFormed(claims, has)) throw invalid
  const now = Date.now() / 1000
  const { iat, exp, nbf } = claims as unknown as { iat: number; exp: number; nbf?: number }
  if (exp - iat > 3600 && !has('any-lifetime')) throw invalid
  if (iat > now + (has('no-tolerance') ? 0 : TOLERANCE_SECONDS)) throw invalid
  if (nbf !== undefined && nbf > now + TOLERANCE_SECONDS && !has('ignores-nbf')) throw invalid
  checkExpiry(claims, has)
  return claims as unknown as TicketClaims
}

/** A ticket as the token service gives it. */
export function issueTicket(claims: object, secret: string, seconds: number): string {
  const iat = Math.floor(Date.now() / 1000)
  const jti = randomUUID()
  const all = {
    iss: 'voicewire',
    aud: 'voicewire-relay',
    jti,
    iat,
    exp: iat + seconds,
    issued: true,
    ...claims,
  }
  const input = [{ alg: 'HS256', typ: 'voicewire-ticket+jwt' }, all]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.')
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`
}

function checkExpiry(claims: Record<string, unknown>, has: Has): void {
  if (Number(claims['exp']) >= Date.now() / 1000 - TOLERANCE_SECONDS) return
  throw new Refusal(401, has('expired-is-invalid') ? 'ticket_invalid' : 'ticket_expired')
}

function isSigned(
  header: Record<string, unknown>,
  input: string,
  signature: string,
  secret: string,
  has: Has,
): boolean {
  const { alg, jwk } = header
  if (has('none-passes') && /^none$/i.test(String(alg))) return true
  if (has('jwk-passes') && typeof jwk === 'object' && jwk !== null) {
    const key = createPublicKey({ key: jwk as import('node:crypto').JsonWebKey, format: 'jwk' })
    const bytes = Buffer.from(signature, 'base64url')
    return verify('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }, bytes)
  }
  const hashes: Record<string, string> = { HS256: 'sha256', ...(has('any-hmac') && { HS512: 'sha512' }) }
  const hash = hashes[String(alg)]
  if (hash === undefined) return false
  if (has('unsigned-passes') && signature === '') return true
  const expected = createHmac(hash, secret).update(input).digest()
  const given = Buffer.from(signature, 'base64url')
  return given.length === expected.length && timingSafeEqual(given, expected)
}

function isWellFormed(claims: Record<string, unknown>, has: Has): boolean {
  const { iss, aud, sub, jti, iat, exp, nbf, provider, model, origin, max_seconds: most } = claims
  const isText = (value: unknown, length: number) =>
    typeof value === 'string' && value !== '' && value.length <= length
  const subLength = has('long-sub') ? 300 : has('short-sub') ? 255 : 256
  return (
    (iss === 'voicewire' || (has('any-issuer') && typeof iss === 'string')) &&
    aud === 'voicewire-relay' &&
    isText(sub, subLength) &&
    isText(jti, 128) &&
    Number.isFinite(iat) &&
    Number.isFinite(exp) &&
    (nbf === undefined || Number.isFinite(nbf)) &&
    (provider === undefined || provider === 'openai' || provider === 'deepgram') &&
    (model === undefined || typeof model === 'string') &&
    (origin === undefined || typeof origin === 'string') &&
    (most === undefined || has('any-max-seconds') || (typeof most === 'number' && most > 0))
  )
}

function parse(part: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString())
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null
  } catch {
    return null // it is no JWT
  }
}
