import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { SignJWT } from 'jose'
import { MemoryState } from '../src/index.ts'
import { TICKET_TYPE } from '../src/tokens.ts'
import { connect } from './support/peers.ts'
import { ORIGIN, setUp } from './support/relays.ts'
import { registerSecrets } from './support/secrets.ts'
import { post, startService, TOKEN } from './support/token-services.ts'

/** A hook of the application that can be held up, and says when it is asked. */
function slowHook() {
  const asked = Promise.withResolvers<void>()
  const answer = Promise.withResolvers<void>()
  const authenticate = async () => {
    asked.resolve()
    await answer.promise
    return { user: 'ann' }
  }
  return { authenticate, asked: asked.promise, answer: answer.resolve }
}

// R-TICKET-14
test('Who is revoked while the application is still asked gets no session', async (t) => {
  const { authenticate, asked, answer } = slowHook()
  const { relay, url } = await setUp(t, { authenticate })
  const joining = connect(t, `${url}/v1/realtime`, { origin: ORIGIN })
  await asked
  await relay.revoke({ user: 'ann' })
  const revokedAt = Date.now()
  while (Date.now() === revokedAt) await new Promise(setImmediate)
  answer()
  const client = await joining
  assert.deepEqual(await client.closed, { code: 4403, reason: 'revoked' })
})

// R-TICKET-14
test('Who is revoked while the application is still asked gets no token', async (t) => {
  const { authenticate, asked, answer } = slowHook()
  const state = new MemoryState()
  const { url } = await startService(t, { authenticate, state })
  const asking = post(url, TOKEN)
  await asked
  await state.revocations.revoke({ user: 'ann' })
  const revokedAt = Date.now()
  while (Date.now() === revokedAt) await new Promise(setImmediate)
  answer()
  const { status, answer: given } = await asking
  assert.deepEqual([status, given.error?.code], [401, 'revoked'])
})

// R-TICKET-14
test('A ticket of an issuer whose clock is ahead is revoked with its user', async (t) => {
  const { relay, url, secret } = await setUp(t)
  const now = Math.floor(Date.now() / 1000)
  const token = await new SignJWT({
    iss: 'voicewire',
    aud: 'voicewire-relay',
    sub: 'user-1',
    jti: randomUUID(),
    iat: now + 3,
    exp: now + 63,
  })
    .setProtectedHeader({ alg: 'HS256', typ: TICKET_TYPE })
    .sign(Buffer.from(secret))
  registerSecrets(token)
  const preview = () =>
    fetch(`${url}/v1/realtime`, { headers: { Authorization: `Bearer ${token}`, Origin: ORIGIN } })
  assert.equal((await preview()).status, 426)
  await relay.revoke({ user: 'user-1' })
  assert.equal((await preview()).status, 401)
})
