import { createHmac, type KeyObject, randomUUID, sign } from 'node:crypto'

/** Claims of a ticket; undefined leaves one out. */
export type Claims = Readonly<Record<string, unknown>>

export interface MintOptions {
  /** In the place of the right header's fields; undefined leaves one out. */
  readonly header?: Claims
  /** Signs with a private key (ES256) in the place of the secret. */
  readonly key?: KeyObject
  /** In the place of the signature. */
  readonly signature?: string
}

/** What every ticket is minted with. */
export interface Issuer {
  readonly secret: string
  readonly issuer: string
  readonly audience: string
}

const HASHES: Readonly<Record<string, string>> = { HS256: 'sha256', HS384: 'sha384', HS512: 'sha512' }

/** A ticket with everything right but what a rule gets wrong: a new `jti` and a new user, good for a minute. */
export function mint(issuer: Issuer, claims: Claims = {}, options: MintOptions = {}): string {
  const now = Math.floor(Date.now() / 1000)
  const header = { alg: 'HS256', typ: 'voicewire-ticket+jwt', ...options.header }
  const payload = {
    iss: issuer.issuer,
    aud: issuer.audience,
    sub: `user-${randomUUID()}`,
    jti: randomUUID(),
    iat: now,
    exp: now + 60,
    ...claims,
  }
  const input = `${encode(header)}.${encode(payload)}`
  return `${input}.${options.signature ?? signature(input, header.alg, issuer.secret, options.key)}`
}

function signature(input: string, alg: string, secret: string, key?: KeyObject): string {
  if (key !== undefined) {
    return sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')
  }
  const hash = HASHES[alg]
  return hash === undefined ? '' : createHmac(hash, secret).update(input).digest('base64url')
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}
