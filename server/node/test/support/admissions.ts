import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { TestContext } from 'node:test'
import { type JWTPayload, SignJWT } from 'jose'
import { handshakeRequest, RawClient } from './peers.ts'
import type { Setup } from './relays.ts'

/** How an upgrade and the same GET without one were answered. */
export interface Statuses {
  readonly get: number
  readonly upgrade: number
  /** Of the GET. */
  readonly code: string
}

/** The status of an upgrade and of the same GET without one, which must not differ. */
export async function statuses(
  t: TestContext,
  url: string,
  headers: Record<string, string>,
  path = '/v1/realtime',
): Promise<Statuses> {
  const response = await fetch(url + path, { headers })
  const { error } = (await response.json()) as { error: { code: string } }
  const client = await RawClient.open(t, url)
  client.write(handshakeRequest(path, headers))
  return { get: response.status, upgrade: await client.status(), code: error.code }
}

export async function assertRefused(
  t: TestContext,
  setup: Setup,
  token: string,
  status: number,
  code: string,
): Promise<void> {
  const headers = { Authorization: `Bearer ${token}` }
  assert.deepEqual(await statuses(t, setup.url, headers), { get: status, upgrade: status, code })
}

/** A ticket with everything right but what a test gets wrong. */
export function forge(
  secret: string | Parameters<SignJWT['sign']>[0],
  claims: JWTPayload = {},
  header: object = {},
): Promise<string> {
  const now = Math.floor(Date.now() / 1000)
  const all = {
    iss: 'voicewire',
    aud: 'voicewire-relay',
    sub: 'u',
    jti: randomUUID(),
    iat: now,
    exp: now + 60,
  }
  return new SignJWT({ ...all, ...claims } as JWTPayload)
    .setProtectedHeader({ alg: 'HS256', typ: 'voicewire-ticket+jwt', ...header })
    .sign(typeof secret === 'string' ? Buffer.from(secret) : secret)
}
