import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Authenticate, RelayOptions } from '../src/index.ts'
import { connect, handshakeRequest, RawClient } from './support/peers.ts'
import { ORIGIN, type Setup, setUp } from './support/relays.ts'
import { stillServes } from './support/sessions.ts'

/** A relay whose application answers with anything: it may be written in JavaScript. */
function asking(answer: unknown): Partial<RelayOptions> {
  return { authenticate: (() => answer) as Authenticate }
}

/** What an upgrade by cookie is answered. */
async function upgrade(
  t: Parameters<typeof setUp>[0],
  { url }: Setup,
  path = '/v1/realtime',
): Promise<number> {
  const client = await RawClient.open(t, url)
  client.write(handshakeRequest(path, { Origin: ORIGIN, Cookie: 'session=1' }))
  return client.status()
}

test('Relay lets nobody in for whom the application says no, however it says so', async (t) => {
  for (const answer of [null, undefined, false, 0, '']) {
    assert.equal(await upgrade(t, await setUp(t, asking(answer))), 401, `${answer}`)
  }
})

test('Relay lets nobody in whom the application does not name, says so in its log, and goes on serving', async (t) => {
  const users = [true, 'ann', {}, { user: '' }, { user: 42 }, { user: null }, { user: 'ann', maxSeconds: 0 }]
  for (const answer of [...users, { user: 'ann', maxSeconds: -5 }, { user: 'ann', maxSeconds: Number.NaN }]) {
    const setup = await setUp(t, asking(answer))
    assert.equal(await upgrade(t, setup), 503, JSON.stringify(answer))
    assert.equal((await setup.logged('request failed'))['error'], 'TypeError')
    const url = `${setup.url}/api/voice-agent/token`
    const headers = { Origin: ORIGIN, 'Content-Type': 'application/json' }
    assert.equal((await fetch(url, { method: 'POST', headers, body: '{}' })).status, 503)
    await stillServes(t, setup)
  }
})

test('A user who is revoked while the application still thinks about them is sent away', async (t) => {
  const asked = Promise.withResolvers<void>()
  const answer = Promise.withResolvers<{ user: string }>()
  const setup = await setUp(t, {
    authenticate: () => {
      asked.resolve()
      return answer.promise
    },
  })
  const joining = connect(t, `${setup.url}/v1/realtime`, { origin: ORIGIN })
  await asked.promise
  await setup.relay.revoke({ user: 'ann' })
  answer.resolve({ user: 'ann' })
  assert.deepEqual(await (await joining).closed, { code: 4403, reason: 'revoked' })
})
