import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { request as httpRequest } from 'node:http'
import { type TestContext, test } from 'node:test'
import { pino } from 'pino'
import {
  createFunctionEndpoint,
  type FunctionEndpointOptions,
  issueTicket,
  type ServerFunction,
} from '../src/index.ts'
import { connect } from './support/peers.ts'
import { LogLines, ORIGIN, setUp } from './support/relays.ts'
import { post, serve } from './support/token-services.ts'

const PATH = '/function-call'
const secret = randomBytes(32).toString('base64')
const call = (name: string, args: unknown = {}) => ({ id: 'call_1', name, arguments: args })

/** An endpoint that knows one user, `ann`, unless the options say otherwise. */
async function start(
  t: TestContext,
  functions: Record<string, ServerFunction>,
  options: Partial<FunctionEndpointOptions> = {},
) {
  const log = new LogLines()
  const handler = createFunctionEndpoint({
    functions,
    allowedOrigins: [ORIGIN],
    authenticate: () => ({ user: 'ann' }),
    production: true,
    maxRequests: 0,
    logger: pino({ base: null }, log),
    ...options,
  })
  return { url: await serve(t, handler), log }
}

// R-CALL-1
test('The function endpoint answers with what the function returns, as text', async (t) => {
  const results: Record<string, unknown> = {
    text: 'as "it" is',
    object: { a: [1, null] },
    number: 7,
    nothing: undefined,
    later: Promise.resolve('later'),
  }
  const functions = Object.fromEntries(Object.entries(results).map(([name, result]) => [name, () => result]))
  const { url } = await start(t, functions)
  const contents: Record<string, string> = {}
  for (const name of Object.keys(results)) {
    const { status, answer } = await post(url, PATH, call(name))
    assert.equal(status, 200)
    assert.deepEqual(Object.keys(answer), ['content'])
    contents[name] = answer.content
  }
  const expected = { text: 'as "it" is', object: '{"a":[1,null]}', number: '7', nothing: '', later: 'later' }
  assert.deepEqual(contents, expected)
})

test('The function endpoint gives the arguments as an object, and says who calls', async (t) => {
  const { url } = await start(t, {
    echo: (args, { id, user, signal }) => ({ args, id, user, aborted: signal.aborted }),
  })
  for (const [given, args] of [
    [{ city: 'Köln' }, { city: 'Köln' }],
    ['{"city":"Köln"}', { city: 'Köln' }],
    ['', {}],
    [undefined, {}],
  ]) {
    const { answer } = await post(url, PATH, call('echo', given))
    const expected = {
      args: given === undefined ? {} : args,
      id: 'call_1',
      user: { user: 'ann' },
      aborted: false,
    }
    assert.deepEqual(JSON.parse(answer.content), expected)
  }
})

// R-CALL-2
test('The function endpoint refuses what is no call, with CORS headers and without an echo', async (t) => {
  const { url } = await start(t, { f: () => 'x' })
  const hidden = 'hidden-in-the-arguments'
  const cases: [unknown, Record<string, string>, number, string, RegExp?][] = [
    ['{', {}, 400, 'bad_request'],
    [{ name: 'f', arguments: {} }, {}, 400, 'bad_request', /"id"/],
    [{ id: 7, name: 'f' }, {}, 400, 'bad_request', /"id"/],
    [{ id: '1', name: '' }, {}, 400, 'bad_request', /"name"/],
    [call('f', [hidden]), {}, 400, 'bad_request', /"arguments"/],
    [call('f', 7), {}, 400, 'bad_request', /"arguments"/],
    [call('f', null), {}, 400, 'bad_request', /"arguments"/],
    [call('f', `"${hidden}"`), {}, 400, 'bad_request', /"arguments"/],
    [call('f', `{${hidden}`), {}, 400, 'bad_request', /"arguments"/],
    [call('g', { hidden }), {}, 404, 'function_unknown'],
    [call('constructor'), {}, 404, 'function_unknown'],
    [call('__proto__'), {}, 404, 'function_unknown'],
    [call('f', hidden.repeat(4000)), {}, 413, 'body_too_big'],
    [call('f'), { 'Content-Type': 'text/plain' }, 415, 'unsupported_media_type'],
  ]
  for (const [body, headers, status, code, message] of cases) {
    const { response, answer, text } = await post(url, PATH, body, headers)
    assert.deepEqual([response.status, answer.error.code], [status, code])
    if (message !== undefined) assert.match(answer.error.message, message)
    assert.equal(response.headers.get('access-control-allow-origin'), ORIGIN)
    assert.equal(response.headers.get('cache-control'), 'no-store')
    assert.ok(!text.includes(hidden))
  }
  const wrong = await fetch(url + PATH, { headers: { Origin: ORIGIN } })
  assert.deepEqual([wrong.status, wrong.headers.get('allow')], [405, 'POST, OPTIONS'])
  const preflight = await fetch(url + PATH, { method: 'OPTIONS', headers: { Origin: ORIGIN } })
  assert.equal(preflight.status, 204)
  assert.match(preflight.headers.get('access-control-allow-headers') ?? '', /Authorization, Content-Type/)
  const stranger = await post(url, PATH, call('f'), { Origin: 'https://evil.example' })
  assert.equal(stranger.answer.error.code, 'origin_forbidden')
  assert.equal(stranger.response.headers.get('access-control-allow-origin'), null)
  assert.equal((await post(url, '/other', {})).status, 404)
})

test('The function endpoint tells nobody why a function failed', async (t) => {
  const circular: Record<string, unknown> = {}
  circular['self'] = circular
  const { url, log } = await start(t, {
    throws: () => {
      throw new RangeError('password of the database')
    },
    rejects: () => Promise.reject(new Error('password of the database')),
    circular: () => circular,
    big: () => 1n,
    symbol: () => Symbol('password'),
  })
  for (const name of ['throws', 'rejects', 'circular', 'big', 'symbol']) {
    const { status, answer } = await post(url, PATH, call(name, { secret: 'argument-text' }))
    assert.deepEqual(
      [status, answer.error],
      [500, { code: 'internal_error', message: 'The function failed' }],
    )
  }
  const [first] = await log.find('function failed', 5)
  assert.deepEqual([first!['function'], first!['error']], ['throws', 'RangeError'])
  assert.ok(!/password of|argument-text|"ann"/.test(log.text))
})

test('The function endpoint gives up on a slow function with 504, and aborts it', async (t) => {
  const aborted = Promise.withResolvers<void>()
  const slow: ServerFunction = (_args, { signal }) => {
    signal.addEventListener('abort', () => aborted.resolve())
    return new Promise(() => {})
  }
  const { url } = await start(t, { slow }, { functionTimeoutMs: 50 })
  const { status, answer } = await post(url, PATH, call('slow'))
  assert.deepEqual([status, answer.error.code], [504, 'function_timeout'])
  await aborted.promise
})

test('The function endpoint aborts a function whose caller has gone', async (t) => {
  const started = Promise.withResolvers<void>()
  const aborted = Promise.withResolvers<void>()
  const { url } = await start(t, {
    slow: (_args, { signal }) => {
      signal.addEventListener('abort', () => aborted.resolve())
      started.resolve()
      return new Promise(() => {})
    },
  })
  const headers = { Origin: ORIGIN, 'Content-Type': 'application/json' }
  const request = httpRequest(url + PATH, { method: 'POST', headers })
  request.on('error', () => {})
  request.end(JSON.stringify(call('slow')))
  await started.promise
  request.destroy()
  await aborted.promise
})

// R-CALL-3
test('The function endpoint asks the application, and believes tickets', async (t) => {
  const whoami: ServerFunction = (_args, { user }) => user.user
  const { url } = await start(
    t,
    { whoami },
    {
      tickets: { secret },
      authenticate: ({ headers }) => (headers.cookie === 'bob' ? { user: 'bob' } : null),
    },
  )
  const ask = async (headers: Record<string, string>) => {
    const { status, answer } = await post(url, PATH, call('whoami'), headers)
    return status === 200 ? answer.content : answer.error.code
  }
  const bearer = async (claims: object, options: object = {}) => {
    const { token } = await issueTicket({ user: 'ann', ...claims }, { secret, ...options })
    return { Authorization: `Bearer ${token}` }
  }
  assert.equal(await ask({ Cookie: 'bob' }), 'bob')
  assert.equal(await ask({}), 'unauthenticated')
  assert.equal(await ask(await bearer({})), 'ann')
  assert.equal(await ask(await bearer({ origin: ORIGIN })), 'ann')
  assert.equal(await ask(await bearer({ origin: 'https://other.example' })), 'origin_forbidden')
  assert.equal(await ask({ Authorization: 'Bearer x.y.z' }), 'ticket_invalid')
  const foreign = randomBytes(32).toString('base64')
  assert.equal(await ask(await bearer({}, { secret: foreign })), 'ticket_invalid')
})

test('The function endpoint is open to pages of an allowed origin outside production only', async (t) => {
  const options = { authenticate: undefined as never }
  const { url: open } = await start(t, { f: () => 'x' }, { ...options, production: false })
  assert.equal((await post(open, PATH, call('f'))).status, 200)
  assert.equal((await post(open, PATH, call('f'), { Origin: '' })).status, 401)
  const { url: closed } = await start(t, { f: () => 'x' }, options)
  assert.equal((await post(closed, PATH, call('f'))).status, 401)
})

test('The function endpoint limits how often one address and one user call', async (t) => {
  let user = 'ann'
  const { url, log } = await start(
    t,
    { f: () => 'x' },
    { authenticate: () => ({ user }), maxRequests: 2, suspiciousActivityThreshold: 2 },
  )
  assert.equal((await post(url, PATH, call('f'))).response.headers.get('ratelimit-remaining'), '1')
  await post(url, PATH, call('f'))
  user = 'bob'
  const third = await post(url, PATH, call('f'))
  assert.deepEqual([third.status, third.answer.error.code], [429, 'rate_limited'])
  assert.equal(third.response.headers.get('retry-after'), String(third.answer.error.retryAfter))
  assert.equal((await post(url, PATH, call('f'))).answer.error.code, 'blocked')
  assert.equal((await log.find('function calls blocked'))[0]!['key'], 'ip')
})

test('A relay has the function endpoint below its prefix, for tickets that opened a session too', async (t) => {
  const setup = await setUp(t, { prefix: '/voice', functions: { whoami: (_args, { user }) => user.user } })
  const headers = await setup.authorization({ user: 'ann' })
  await connect(t, `${setup.url}/voice/v1/realtime`, { headers })
  const called = await post(setup.url, `/voice${PATH}`, call('whoami'), headers)
  assert.deepEqual([called.status, called.answer], [200, { content: 'ann' }])
  assert.equal((await post(setup.url, PATH, call('whoami'), headers)).status, 404)
  const without = await setUp(t)
  assert.equal((await post(without.url, PATH, call('whoami'), headers)).status, 404)
})

test('createFunctionEndpoint() leaves other paths to others, and refuses unsafe options', async (t) => {
  const handler = createFunctionEndpoint({ functions: {}, allowedOrigins: [ORIGIN], production: true })
  const url = await serve(t, (request, response) => handler(request, response, () => response.end('"next"')))
  assert.equal((await post(url, '/other')).answer, 'next')
  assert.throws(
    () => createFunctionEndpoint({ functions: {}, allowedOrigins: ['*'], production: true }),
    TypeError,
  )
  for (const functionTimeoutMs of [0, Number.NaN, 2 ** 31]) {
    assert.throws(
      () => createFunctionEndpoint({ functions: {}, allowedOrigins: [ORIGIN], functionTimeoutMs }),
      RangeError,
    )
  }
})
