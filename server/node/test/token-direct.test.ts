import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { type TestContext, test } from 'node:test'
import { createEmulator } from '../../emulator/src/index.ts'
import { MemorySessionStore, type RelayUser, type TokenServiceOptions } from '../src/index.ts'
import { connect, rawServer } from './support/peers.ts'
import { ORIGIN, setUp } from './support/relays.ts'
import { post, refresh, serve, startService, TOKEN } from './support/token-services.ts'

const OPENAI_KEY = 'sk-test-0123456789'
const DEEPGRAM_KEY = 'dg-test-0123456789'
const SESSION = { type: 'realtime', model: 'gpt-realtime-2.1', instructions: 'Speak like a sailor.' }

async function startEmulator(t: TestContext): Promise<string> {
  const emulator = await createEmulator({
    port: 0,
    apiKeys: { openai: [OPENAI_KEY], deepgram: [DEEPGRAM_KEY] },
  })
  t.after(() => emulator.close())
  return emulator.url
}

/** Options that enable both providers at one address. */
function both(url: string, more: Partial<TokenServiceOptions> = {}): Partial<TokenServiceOptions> {
  return {
    openai: { apiKey: OPENAI_KEY, url },
    deepgram: { apiKey: DEEPGRAM_KEY, url },
    direct: { openai: { session: SESSION }, deepgram: true },
    ...more,
  }
}

const lines = (log: string) =>
  log
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))
const direct = (provider?: string) => ({ use: 'direct', ...(provider && { provider }) })

/** A provider that answers each request with the next of these, the last one forever. */
async function scripted(t: TestContext, ...answers: [number, unknown][]) {
  const requests: { path: string; headers: IncomingHttpHeaders; body: string }[] = []
  const url = await serve(t, async (request, response) => {
    let body = ''
    for await (const piece of request.setEncoding('utf8')) body += piece
    requests.push({ path: request.url!, headers: request.headers, body })
    const [status, answer] = answers[Math.min(requests.length, answers.length) - 1]!
    response.writeHead(status, { Location: 'http://127.0.0.1:1/', 'X-Detail': 'hush' })
    response.end(typeof answer === 'string' ? answer : JSON.stringify(answer))
  })
  return { url, requests }
}

// R-TOKEN-5
test('use: direct gives an OpenAI secret that opens a session as the operator wrote it', async (t) => {
  const url = await startEmulator(t)
  const { url: service, audit } = await startService(t, both(url))
  const { status, answer } = await post(service, TOKEN, direct('openai'))
  assert.equal(status, 200)
  const { token, expiresAt, expiresIn, sessionId, ...rest } = answer
  assert.deepEqual(rest, { success: true, mode: 'openai' })
  assert.match(token, /^ek_/)
  assert.ok(expiresIn >= 58 && expiresIn <= 60 && Math.abs(expiresAt - Date.now() - 60_000) < 2000)
  const protocols = ['realtime', `openai-insecure-api-key.${token}`]
  const peer = await connect(t, `${url}/v1/realtime?model=gpt-realtime-2.1`, { protocols })
  const { session } = await peer.nextOfType('session.created')
  assert.equal(session.instructions, SESSION.instructions)
  const next = await refresh(service, answer)
  assert.deepEqual([next.status, next.answer.mode], [200, 'openai'])
  assert.notEqual(next.answer.token, token)
  assert.deepEqual(
    audit.map(({ event, mode }) => [event, mode]),
    [
      ['issued', 'openai'],
      ['refreshed', 'openai'],
    ],
  )
  assert.ok(!JSON.stringify(audit).includes('ek_'))
})

// R-TOKEN-5
test('use: direct gives a Deepgram token that opens a connection', async (t) => {
  const url = await startEmulator(t)
  const { url: service } = await startService(t, both(url, { tokenDurationMs: 30_000 }))
  const { status, answer } = await post(service, TOKEN, direct('deepgram'))
  assert.deepEqual([status, answer.mode], [200, 'deepgram'])
  assert.ok(answer.expiresIn >= 28 && answer.expiresIn <= 30)
  await connect(t, `${url}/v1/listen?model=nova-3&encoding=linear16&sample_rate=16000`, {
    protocols: ['bearer', answer.token],
  })
  const next = await refresh(service, answer)
  assert.equal(next.status, 200)
  await connect(t, `${url}/v1/listen?model=nova-3&encoding=linear16&sample_rate=16000`, {
    protocols: ['bearer', next.answer.token],
  })
})

test('use: direct works in a relay, with the keys and URLs of the relay', async (t) => {
  const url = await startEmulator(t)
  const setup = await setUp(t, {
    openai: { apiKey: OPENAI_KEY, url: url.replace('http', 'ws') },
    authenticate: () => ({ user: 'ann' }),
    tokens: { direct: { openai: { session: SESSION } } },
  })
  assert.match((await post(setup.url, TOKEN, direct())).answer.token, /^ek_/)
  assert.equal((await post(setup.url, TOKEN)).answer.mode, 'relay')
})

test('use: direct asks the provider for the duration, as a user without a name', async (t) => {
  const provider = await scripted(t, [200, { value: 'ek_1', access_token: 'jwt', expires_in: 1 }])
  const { url } = await startService(t, both(provider.url, { tokenDurationMs: 1000 }))
  const openai = (await post(url, TOKEN, direct('openai'))).answer
  const deepgram = (await post(url, TOKEN, direct('deepgram'))).answer
  assert.deepEqual([openai.token, deepgram.token, deepgram.expiresIn], ['ek_1', 'jwt', 1])
  const [first, second] = provider.requests
  assert.equal(first!.path, '/v1/realtime/client_secrets')
  assert.equal(first!.headers.authorization, `Bearer ${OPENAI_KEY}`)
  const hash = createHash('sha256').update('ann').digest('hex')
  assert.equal(first!.headers['openai-safety-identifier'], hash)
  const expires_after = { anchor: 'created_at', seconds: 10 } // OpenAI takes no less
  assert.deepEqual(JSON.parse(first!.body), { expires_after, session: SESSION })
  assert.equal(second!.path, '/v1/auth/grant')
  assert.equal(second!.headers.authorization, `Token ${DEEPGRAM_KEY}`)
  assert.deepEqual(JSON.parse(second!.body), { ttl_seconds: 1 })
})

// R-TOKEN-5
test('use: direct is refused where the operator or the application does not allow it', async (t) => {
  const provider = await scripted(t, [200, { value: 'ek_1', access_token: 'jwt', expires_in: 60 }])
  const cases: [Partial<TokenServiceOptions>, RelayUser, object, number, string | null][] = [
    [{ direct: { deepgram: true } }, { user: 'ann' }, direct('openai'), 403, 'direct_forbidden'],
    [{ direct: { deepgram: true } }, { user: 'ann' }, direct(), 200, null],
    [{}, { user: 'ann' }, direct(), 400, 'bad_request'],
    [{}, { user: 'ann', provider: 'openai' }, direct(), 200, null],
    [{}, { user: 'ann', provider: 'openai' }, direct('deepgram'), 403, 'provider_forbidden'],
    [{}, { user: 'ann', model: 'gpt-realtime-2.1' }, direct('openai'), 200, null],
    [{}, { user: 'ann', model: 'another' }, direct('openai'), 403, 'direct_forbidden'],
    [{}, { user: 'ann', model: 'another' }, direct('deepgram'), 403, 'direct_forbidden'],
    [{}, { user: 'ann', maxSeconds: 60 }, direct('openai'), 403, 'direct_forbidden'],
    [{}, { user: 'ann', maxSeconds: 60 }, direct('deepgram'), 403, 'direct_forbidden'],
    [{ budgets: { minutesPerDay: 1 } }, { user: 'ann' }, direct('openai'), 403, 'direct_forbidden'],
    [{ budgets: { tokensPerDay: 0 } }, { user: 'ann' }, direct('openai'), 200, null],
  ]
  for (const [options, user, body, status, code] of cases) {
    const before = provider.requests.length
    const { url } = await startService(t, both(provider.url, { authenticate: () => user, ...options }))
    const given = await post(url, TOKEN, body)
    assert.deepEqual([given.status, given.answer.error?.code ?? null], [status, code], JSON.stringify(user))
    assert.equal(provider.requests.length - before, status === 200 ? 1 : 0)
  }
})

test('A token service without a ticket secret issues direct tokens only', async (t) => {
  const provider = await scripted(t, [200, { access_token: 'jwt', expires_in: 60 }])
  const { url } = await startService(t, {
    ...both(provider.url, { direct: { deepgram: true } }),
    tickets: {},
  })
  assert.equal((await post(url, TOKEN)).answer.mode, 'deepgram')
  assert.equal((await post(url, TOKEN, { use: 'relay' })).status, 400)
})

// R-TOKEN-6
test('use: direct answers 502 in words of its own, and asks again only where that is safe', async (t) => {
  const leak = { error: { message: `Incorrect API key provided: ${OPENAI_KEY} ${DEEPGRAM_KEY}, hush` } }
  const good = { value: 'ek_1', access_token: 'jwt', expires_in: 60 }
  const cases: [[number, unknown][], number, string | null, number][] = [
    [[[401, leak]], 502, 'upstream_unauthorized', 1],
    [[[403, leak]], 502, 'upstream_unauthorized', 1],
    [[[400, leak]], 502, 'upstream_refused', 1],
    [[[302, leak]], 502, 'upstream_refused', 1],
    [[[429, leak]], 502, 'upstream_rate_limited', 1],
    [[[500, leak]], 502, 'upstream_unavailable', 2],
    [
      [
        [503, leak],
        [200, good],
      ],
      200,
      null,
      2,
    ],
    [
      [
        [503, leak],
        [401, leak],
      ],
      502,
      'upstream_unauthorized',
      2,
    ],
    [[[200, 'hush, no JSON']], 502, 'upstream_protocol_error', 1],
    [[[200, leak]], 502, 'upstream_protocol_error', 1],
    [[[200, { value: 7, access_token: '', expires_in: 'hush' }]], 502, 'upstream_protocol_error', 1],
    [
      [[200, { value: OPENAI_KEY, access_token: DEEPGRAM_KEY, expires_in: 60 }]],
      502,
      'upstream_protocol_error',
      1,
    ],
  ]
  for (const [script, status, code, asked] of cases) {
    for (const name of ['openai', 'deepgram']) {
      const provider = await scripted(t, ...script)
      const service = await startService(t, both(provider.url))
      const { answer, text, response } = await post(service.url, TOKEN, direct(name))
      const label = JSON.stringify(script)
      assert.deepEqual([response.status, answer.error?.code ?? null], [status, code], label)
      assert.equal(provider.requests.length, asked, label)
      const shown =
        text + JSON.stringify([...response.headers]) + service.log() + JSON.stringify(service.audit)
      for (const secret of [OPENAI_KEY, DEEPGRAM_KEY, 'hush']) assert.ok(!shown.includes(secret), label)
      // The operator learns what the provider said, and of its answer the status alone.
      const refusals = script.slice(0, asked).map(([said]) => said)
      while (refusals.length < asked) refusals.push(refusals.at(-1)!)
      assert.deepEqual(
        lines(service.log()).map(({ msg, provider, status: said }) => [msg, provider, said]),
        refusals.filter((said) => said !== 200).map((said) => ['direct token refused', name, said]),
        label,
      )
      assert.equal(response.headers.get('access-control-allow-origin'), ORIGIN)
    }
  }
})

test('use: direct answers 502 where the provider cannot be reached or does not answer', async (t) => {
  let connections = 0
  const silent = await rawServer(t, () => {
    connections += 1
  })
  const options = both(silent, { direct: { deepgram: true, timeoutMs: 100 } })
  const { url } = await startService(t, options)
  const late = await post(url, TOKEN, direct())
  assert.deepEqual([late.status, late.answer.error.code], [502, 'upstream_timeout'])
  assert.equal(connections, 1)
  let dropped = 0
  const broken = await rawServer(t, (socket) => {
    dropped += 1
    socket.destroy()
  })
  const lost = await post((await startService(t, both(broken))).url, TOKEN, direct('openai'))
  assert.deepEqual([lost.status, lost.answer.error.code], [502, 'upstream_unavailable'])
  assert.equal(lost.response.headers.get('retry-after'), '5')
  assert.equal(dropped, 2)
})

test('refresh-token leaves a session as it was where the provider fails', async (t) => {
  const good = { access_token: 'jwt', expires_in: 60 }
  const provider = await scripted(t, [200, good], [400, 'hush'], [200, { ...good, access_token: 'next' }])
  const { url } = await startService(t, both(provider.url))
  const { answer } = await post(url, TOKEN, direct('deepgram'))
  assert.equal((await refresh(url, answer)).status, 502)
  assert.equal((await refresh(url, answer)).answer.token, 'next')
})

// R-TOKEN-5
test('refresh-token gives no direct token any more where the operator has disabled them', async (t) => {
  const provider = await scripted(t, [200, { value: 'ek_1', access_token: 'jwt', expires_in: 60 }])
  const sessions = new MemorySessionStore()
  const before = await startService(t, both(provider.url, { sessions }))
  const first = (await post(before.url, TOKEN, direct('deepgram'))).answer
  const other = (await post(before.url, TOKEN, direct('openai'))).answer
  // The same service after a restart, with the sessions of before.
  const less = { direct: { openai: { session: SESSION } } }
  const narrower = await startService(t, both(provider.url, { sessions, ...less }))
  const none = await startService(t, { sessions })
  for (const { url } of [narrower, none]) {
    const { status, answer } = await refresh(url, first)
    assert.deepEqual([status, answer.error?.code], [403, 'direct_forbidden'])
  }
  assert.equal((await refresh(none.url, other)).answer.error.code, 'direct_forbidden')
  assert.equal((await refresh(narrower.url, other)).status, 200)
})
