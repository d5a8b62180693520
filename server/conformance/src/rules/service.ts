import type { Rule } from '../rule.ts'
import type { HttpAnswer, RequestOptions, Trial } from '../trial.ts'
import { marker, PATHS } from '../trial.ts'
import { demand, demandEqual, NotJudged, show } from '../violation.ts'
import { demandRetryAfter } from './limits.ts'
import { codeIn } from './preview.ts'

const TOKEN = '/api/voice-agent/token'
const REFRESH = '/api/voice-agent/refresh-token'
const HEALTH = '/api/voice-agent/health'

/** What the token service gave out. */
interface Issued {
  readonly token: string
  readonly sessionId: string
  readonly expiresAt: number
  readonly expiresIn: number
  readonly mode: string
}

/** The token service (sections 14 to 17). */
export const service: readonly Rule[] = [
  {
    id: 'service/token',
    title: 'A page gets a token, and what belongs to it',
    proves: ['R-TOKEN-1'],
    async judge(trial) {
      const { token, sessionId, expiresAt, expiresIn, mode } = await issue(trial)
      demand(typeof token === 'string' && token !== '', 'there is no token')
      demand(typeof sessionId === 'string' && sessionId !== '', 'there is no sessionId')
      demandEqual(mode, 'relay', 'the mode')
      demand(expiresIn >= 1 && expiresIn <= 3600, `expiresIn was ${expiresIn}`)
      const aheadMs = expiresAt - Date.now()
      demand(Math.abs(aheadMs - expiresIn * 1000) < 5000, `expiresAt is ${aheadMs} ms ahead`)
    },
  },
  {
    id: 'service/opens-one-session',
    title: 'The token is a ticket that opens one session',
    proves: ['R-TOKEN-2', 'R-TICKET-9'],
    async judge(trial) {
      const { token } = await issue(trial)
      await trial.session({ ticket: token, origin: trial.origin })
      const again = await trial.refused({ ticket: token, origin: trial.origin })
      demandEqual(again.status, 401, 'the answer to the token shown again')
    },
  },
  {
    id: 'service/empty-body',
    title: 'An empty body counts as {}',
    proves: ['R-TOKEN-1'],
    async judge(trial) {
      await issue(trial)
      const { status } = await ask(trial, TOKEN, { body: '' })
      demandEqual(status, 200, 'the answer to an empty body')
    },
  },
  {
    id: 'service/origin-in-ticket',
    title: "A page's token is good from this page's origin only",
    proves: ['R-TOKEN-4'],
    async judge(trial) {
      const { token } = await issue(trial)
      await trial.demandRefused({ ticket: token }, 403, 'origin_forbidden', 'the token without an origin')
    },
  },
  {
    id: 'service/provider-in-ticket',
    title: 'A token that was asked for one provider is not good at the other',
    proves: ['R-TOKEN-4'],
    async judge(trial) {
      const { token } = await issue(trial, { body: JSON.stringify({ provider: trial.provider }) })
      const path = trial.provider === 'openai' ? PATHS.deepgram : PATHS.openai
      const options = { ticket: token, origin: trial.origin, path }
      await trial.demandRefused(options, 403, 'provider_forbidden', 'the token at the other provider')
    },
  },
  {
    id: 'service/unauthenticated',
    title: 'Who is not known to the application gets 401 unauthenticated',
    proves: ['R-TOKEN-3'],
    skip: ({ serviceKey }) =>
      serviceKey === null ? 'no user of the token service is known (--service-key)' : null,
    async judge(trial) {
      const headers = { 'Content-Type': 'application/json' }
      const { origin } = trial
      const { status, json } = await trial.request(TOKEN, { method: 'POST', body: '{}', headers, origin })
      demandEqual(`${status} ${codeIn(json)}`, '401 unauthenticated', 'the answer to a stranger')
    },
  },
  {
    id: 'service/foreign-origin',
    title: 'A page of another origin gets 403 origin_forbidden and no token, whatever the method',
    proves: ['R-TOKEN-7'],
    async judge(trial) {
      await issue(trial)
      for (const method of ['POST', 'GET', 'OPTIONS']) {
        const answer = await ask(trial, TOKEN, { method, origin: 'https://other.example' })
        demandEqual(
          `${answer.status} ${codeIn(answer.json)}`,
          '403 origin_forbidden',
          `the answer to ${method}`,
        )
        demand(answer.json?.['token'] === undefined, 'it got a token')
      }
    },
  },
  {
    id: 'service/body-size',
    title: 'A body over 4 KiB gets 413 body_too_big',
    proves: ['R-TOKEN-8'],
    judge: (trial) =>
      demandRefusal(trial, { body: JSON.stringify({ x: 'x'.repeat(5000) }) }, 413, 'body_too_big'),
  },
  {
    id: 'service/media-type',
    title: 'A body that is not application/json gets 415 unsupported_media_type',
    proves: ['R-TOKEN-8'],
    async judge(trial) {
      for (const type of ['text/plain', 'application/x-www-form-urlencoded']) {
        const headers = { 'Content-Type': type }
        await demandRefusal(trial, { body: '{}', headers }, 415, 'unsupported_media_type')
      }
    },
  },
  {
    id: 'service/bad-body',
    title: 'A body that is not JSON or has a wrong field gets 400 bad_request without a quotation',
    proves: ['R-TOKEN-8'],
    async judge(trial) {
      await issue(trial)
      const quoted = marker()
      const bodies = [`{"${quoted}`, `{"provider":"${quoted}"}`, `{"use":"${quoted}"}`, '[]', 'null', '5']
      for (const body of bodies) {
        const answer = await ask(trial, TOKEN, { body })
        demandEqual(
          `${answer.status} ${codeIn(answer.json)}`,
          '400 bad_request',
          `the answer to ${show(body)}`,
        )
        demand(!answer.text.includes(quoted), 'the answer quotes the request')
      }
    },
  },
  {
    id: 'service/method',
    title: 'Another method gets 405 method_not_allowed with Allow',
    proves: ['R-TOKEN-8', 'R-HTTP-2'],
    async judge(trial) {
      await issue(trial)
      for (const method of ['GET', 'PUT', 'DELETE']) {
        const answer = await trial.request(TOKEN, { method, origin: trial.origin })
        demandEqual(
          `${answer.status} ${codeIn(answer.json)}`,
          '405 method_not_allowed',
          `the answer to ${method}`,
        )
        demand(/\bPOST\b/.test(answer.header('Allow') ?? ''), 'it has no Allow with POST')
      }
    },
  },
  {
    id: 'service/cors',
    title: 'A page may read tokens and refusals, and its preflight gets 204',
    proves: ['R-HTTP-1', 'R-HTTP-3'],
    async judge(trial) {
      await issue(trial)
      const { origin } = trial
      const allowed = (answer: HttpAnswer) => answer.header('Access-Control-Allow-Origin')
      demandEqual(allowed(await ask(trial, TOKEN, {})), origin, 'the allowed origin of a token')
      demandEqual(allowed(await ask(trial, TOKEN, { body: '{' })), origin, 'that of a refusal')
      const preflight = await trial.request(TOKEN, {
        method: 'OPTIONS',
        origin,
        headers: { 'Access-Control-Request-Method': 'POST' },
      })
      demandEqual(preflight.status, 204, 'the answer to a preflight')
      const methods = preflight.header('Access-Control-Allow-Methods') ?? ''
      demand(/\bPOST\b/.test(methods), `the allowed methods are ${show(methods)}`)
    },
  },
  {
    id: 'service/no-store',
    title: 'A token is not to be kept by anybody on the way',
    proves: ['R-HTTP-1'],
    async judge(trial) {
      await issue(trial)
      const { header } = await ask(trial, TOKEN, {})
      demand(/\bno-store\b/.test(header('Cache-Control') ?? ''), 'Cache-Control is not no-store')
    },
  },
  {
    id: 'service/direct-forbidden',
    title: 'use: "direct" gets 403 direct_forbidden where it is not enabled',
    proves: ['R-TOKEN-5'],
    skip: ({ direct }) => (direct ? 'VOICE_AGENT_DIRECT enables it' : null),
    async judge(trial) {
      const body = JSON.stringify({ use: 'direct', provider: trial.provider })
      await demandRefusal(trial, { body }, 403, 'direct_forbidden')
    },
  },
  {
    id: 'service/no-key',
    title: 'No answer holds the key of a provider or the secret of tickets',
    proves: ['R-TOKEN-6'],
    async judge(trial) {
      await issue(trial)
      const { keys, secret } = trial.settings
      const secrets = [keys.openai, keys.deepgram, secret].filter((text) => typeof text === 'string')
      const asked = [{}, { use: 'direct' }, { use: 'direct', provider: 'deepgram' }, { provider: 'azure' }]
      for (const body of asked) {
        const { text } = await ask(trial, TOKEN, { body: JSON.stringify(body) })
        demand(
          !secrets.some((each) => text.includes(each)),
          `the answer to ${JSON.stringify(body)} holds one`,
        )
      }
    },
  },
  {
    id: 'service/refresh',
    title: 'A token can be refreshed at once, also when it was used, and the next one opens a session',
    proves: ['R-REFRESH-1', 'R-REFRESH-4'],
    async judge(trial) {
      const first = await issue(trial)
      await trial.session({ ticket: first.token, origin: trial.origin })
      const answer = await refresh(trial, first.sessionId, first.token)
      demandEqual(answer.status, 200, `the answer (${codeIn(answer.json)})`)
      const next = answer.json as unknown as Issued
      demandEqual(next.sessionId, first.sessionId, 'the sessionId')
      demand(next.token !== first.token, 'the token is the same')
      demandEqual(next.mode, first.mode, 'the mode')
      await trial.session({ ticket: next.token, origin: trial.origin })
    },
  },
  {
    id: 'service/refresh-once',
    title: 'The token before cannot be refreshed any more',
    proves: ['R-REFRESH-2'],
    async judge(trial) {
      const { token, sessionId } = await issue(trial)
      demandEqual((await refresh(trial, sessionId, token)).status, 200, 'the answer to the first')
      const { status, json } = await refresh(trial, sessionId, token)
      demandEqual(`${status} ${codeIn(json)}`, '403 session_forbidden', 'the answer to the second')
    },
  },
  {
    id: 'service/refresh-at-once',
    title: 'Of refreshes at the same moment with one token exactly one succeeds',
    proves: ['R-REFRESH-2'],
    async judge(trial) {
      const { token, sessionId } = await issue(trial)
      const answers = await Promise.all(Array.from({ length: 5 }, () => refresh(trial, sessionId, token)))
      demandEqual(answers.filter(({ status }) => status === 200).length, 1, 'the number of successes')
    },
  },
  {
    id: 'service/refresh-chain',
    title: 'A page can refresh one token after the other',
    proves: ['R-REFRESH-1', 'R-REFRESH-4'],
    async judge(trial) {
      const issued = await issue(trial)
      let { token } = issued
      const address = trial.address()
      for (let index = 0; index < 3; index += 1) {
        const { status, json } = await refresh(trial, issued.sessionId, token, { address })
        demandEqual(status, 200, `the answer to refresh ${index + 1} (${codeIn(json)})`)
        token = (json as unknown as Issued).token
      }
    },
  },
  {
    id: 'service/refresh-refused',
    title: 'A refresh without a token, of an unknown session or with a foreign token is refused',
    proves: ['R-REFRESH-3'],
    async judge(trial) {
      const one = await issue(trial)
      const other = await issue(trial)
      const told = async (sessionId: string, token: string | null) => {
        const { status, json } = await refresh(trial, sessionId, token)
        return `${status} ${codeIn(json)}`
      }
      demandEqual(await told(one.sessionId, null), '401 ticket_missing', 'the answer without a token')
      demandEqual(await told(marker(), one.token), '401 session_unknown', 'that for an unknown session')
      demandEqual(
        await told(one.sessionId, other.token),
        '403 session_forbidden',
        'that with a foreign token',
      )
      const elsewhere = await refresh(trial, one.sessionId, one.token, { origin: 'https://other.example' })
      const seen = `${elsewhere.status} ${codeIn(elsewhere.json)}`
      demandEqual(seen, '403 origin_forbidden', 'that from another origin')
    },
  },
  {
    id: 'service/refresh-other-page',
    title: 'A token of one allowed origin is not refreshed from another',
    proves: ['R-REFRESH-3'],
    skip: ({ origins }) => (origins.length < 2 ? 'only one origin is allowed' : null),
    async judge(trial) {
      const { token, sessionId } = await issue(trial)
      const { status, json } = await refresh(trial, sessionId, token, { origin: trial.settings.origins[1]! })
      demandEqual(`${status} ${codeIn(json)}`, '403 origin_forbidden', 'the answer')
    },
  },
  {
    id: 'service/refresh-expired',
    title: 'A token that has just expired can still be refreshed',
    proves: ['R-REFRESH-1'],
    long: true,
    skip: ({ tokenDurationMs }) =>
      tokenDurationMs > 5000 ? 'VOICE_AGENT_TOKEN_DURATION is over 5,000 ms' : null,
    async judge(trial) {
      const { token, sessionId, expiresAt } = await issue(trial)
      await new Promise((resolve) => setTimeout(resolve, expiresAt - Date.now() + 1500))
      const { status, json } = await refresh(trial, sessionId, token)
      demandEqual(status, 200, `the answer (${codeIn(json)})`)
    },
  },
  {
    id: 'service/limit',
    title: 'More requests of an address than allowed get 429 rate_limited that its page can read',
    proves: ['R-QUOTA-1', 'R-HTTP-1', 'R-HTTP-2'],
    skip: ({ rateLimit }) =>
      rateLimit === 0 || rateLimit > 60 ? 'VOICE_AGENT_RATE_LIMIT is not in 1…60' : null,
    async judge(trial) {
      await issue(trial)
      const address = trial.address()
      for (let index = 0; index < trial.settings.rateLimit; index += 1) {
        const { status } = await ask(trial, TOKEN, { address })
        demandEqual(status, 200, `the answer to request ${index + 1}`)
      }
      const { status, json, header, text } = await ask(trial, TOKEN, { address })
      demandEqual(`${status} ${codeIn(json)}`, '429 rate_limited', 'the answer to one too many')
      demandRetryAfter({ header, body: text })
      for (const name of ['RateLimit-Limit', 'RateLimit-Remaining', 'RateLimit-Reset']) {
        demand(header(name) !== null, `it has no ${name}`)
      }
      demandEqual(header('Access-Control-Allow-Origin'), trial.origin, 'its allowed origin')
    },
  },
  {
    id: 'service/health',
    title: 'The health of the service has its fields, and status is the worst of services',
    proves: ['R-HEALTH-1'],
    async judge(trial) {
      const { status, json } = await trial.request(HEALTH)
      if (status === 404) throw new NotJudged(NO_SERVICE)
      demand(json !== null, 'the answer is no JSON')
      const words = ['healthy', 'degraded', 'unhealthy']
      const services = (json['services'] ?? {}) as Record<string, unknown>
      const states = ['provider', 'rateLimit', 'sessions'].map((name) =>
        words.indexOf(String(services[name])),
      )
      demand(
        states.every((state) => state >= 0),
        `services is ${JSON.stringify(services)}`,
      )
      demandEqual(json['status'], words[Math.max(...states)], 'the status')
      demandEqual(status, json['status'] === 'unhealthy' ? 503 : 200, 'the answer')
      demand(typeof json['uptime'] === 'number', 'uptime is no number')
      demand(typeof json['version'] === 'string', 'version is no text')
      const metrics = (json['metrics'] ?? {}) as Record<string, unknown>
      for (const name of METRICS) demand(typeof metrics[name] === 'number', `metrics.${name} is no number`)
    },
  },
  {
    id: 'service/health-asks-nobody',
    title: 'A request for health asks no provider, and tells nothing of the configuration',
    proves: ['R-HEALTH-2', 'R-HEALTH-3'],
    async judge(trial) {
      const { keys, secret, upstreamPort } = trial.settings
      const asked = () => trial.upstream.strays.filter(({ target }) => !target.startsWith('/v')).length
      const before = asked()
      const { status, text } = await trial.request(HEALTH)
      if (status === 404) throw new NotJudged(NO_SERVICE)
      demandEqual(asked(), before, 'the number of requests to the provider')
      const told = [keys.openai, keys.deepgram, secret, `:${upstreamPort}`, ...trial.settings.origins]
      const found = told.some((each) => typeof each === 'string' && text.includes(each))
      demand(!found, 'it holds a part of the configuration')
    },
  },
]

const METRICS = ['totalRequests', 'activeSessions', 'totalRefreshes', 'errorRate', 'averageResponseTime']
const NO_SERVICE = 'the relay has no token service'

/** Asks as a page does, with the key by which the application knows its user where there is one. */
async function ask(trial: Trial, path: string, options: RequestOptions): Promise<HttpAnswer> {
  const { serviceKey } = trial.settings
  const { method = 'POST', body = method === 'POST' ? '{}' : '', headers = {}, ...rest } = options
  return trial.request(path, {
    method,
    origin: trial.origin,
    ...rest,
    ...(method === 'POST' && { body }),
    headers: {
      ...(body !== '' && { 'Content-Type': 'application/json' }),
      ...(serviceKey !== null && { Authorization: `Bearer ${serviceKey}` }),
      ...headers,
    },
  })
}

async function issue(trial: Trial, options: { readonly body?: string } = {}): Promise<Issued> {
  const { status, json } = await ask(trial, TOKEN, options)
  if (status === 404) throw new NotJudged(NO_SERVICE)
  demand(status === 200 && json?.['success'] === true, `a token was answered with ${status} ${codeIn(json)}`)
  return json as unknown as Issued
}

async function refresh(
  trial: Trial,
  sessionId: string,
  token: string | null,
  options: RequestOptions = {},
): Promise<HttpAnswer> {
  const headers = {
    'Content-Type': 'application/json',
    ...(token !== null && { Authorization: `Bearer ${token}` }),
  }
  const body = JSON.stringify({ sessionId })
  return trial.request(REFRESH, { method: 'POST', origin: trial.origin, ...options, headers, body })
}

async function demandRefusal(
  trial: Trial,
  options: Omit<RequestOptions, 'body'> & { readonly body: string },
  status: number,
  code: string,
): Promise<void> {
  const answer = await ask(trial, TOKEN, options)
  if (answer.status === 404) throw new NotJudged(NO_SERVICE)
  demandEqual(`${answer.status} ${codeIn(answer.json)}`, `${status} ${code}`, 'the answer')
}
