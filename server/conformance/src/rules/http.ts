import type { Rule } from '../rule.ts'
import { marker, PATHS, type Trial } from '../trial.ts'
import { demand, demandEqual, show } from '../violation.ts'

type Header = (name: string) => string | null

/** What every answer carries (R-HTTP-1). */
const HEADERS: Readonly<Record<string, RegExp>> = {
  'Cache-Control': /\bno-store\b/,
  Vary: /\borigin\b/i,
  'X-Content-Type-Options': /^nosniff$/,
  'Referrer-Policy': /^no-referrer$/,
  'Content-Security-Policy': /default-src 'none'/,
}

/** Ordinary requests, and the form of all answers (R-HTTP). */
export const http: readonly Rule[] = [
  {
    id: 'http/health',
    title: 'GET /health gets 200',
    proves: ['R-HTTP-4'],
    judge: async (trial) => demandEqual((await trial.request('/health')).status, 200, 'the answer'),
  },
  {
    id: 'http/ready',
    title: 'GET /ready gets 200 where there is a place',
    proves: ['R-HTTP-5'],
    judge: async (trial) => demandEqual((await trial.request('/ready')).status, 200, 'the answer'),
  },
  {
    id: 'http/headers',
    title: 'Every answer, also to a refused upgrade, forbids to keep it and to use it as a page',
    proves: ['R-HTTP-1'],
    async judge(trial) {
      for (const [what, header] of await answers(trial, trial.origin)) {
        for (const [name, pattern] of Object.entries(HEADERS)) {
          const value = header(name)
          demand(value !== null && pattern.test(value), `${name} was ${show(value)} in the answer to ${what}`)
        }
      }
    },
  },
  {
    id: 'http/cors-allowed',
    title: 'A page of an allowed origin may read every answer, errors too',
    proves: ['R-HTTP-1'],
    async judge(trial) {
      for (const [what, header] of await answers(trial, trial.origin)) {
        const where = `in the answer to ${what}`
        demandEqual(header('Access-Control-Allow-Origin'), trial.origin, `the allowed origin ${where}`)
        demandEqual(header('Access-Control-Allow-Credentials'), 'true', `Allow-Credentials ${where}`)
      }
    },
  },
  {
    id: 'http/cors-foreign',
    title: 'A page of another origin may read none',
    proves: ['R-HTTP-1'],
    async judge(trial) {
      for (const [what, header] of await answers(trial, 'https://other.example')) {
        for (const name of ['Access-Control-Allow-Origin', 'Access-Control-Allow-Credentials']) {
          demandEqual(header(name), null, `${name} in the answer to ${what}`)
        }
      }
    },
  },
  {
    id: 'http/refusal-body',
    title: 'A refusal is { success: false, error: { code, message } } as JSON',
    proves: ['R-HTTP-2', 'R-HAND-5'],
    async judge(trial) {
      const { origin } = trial
      const refused = await trial.refused({ ticket: null, origin })
      const path = PATHS[trial.provider]
      const bodies = [(await trial.request(path, { origin })).text]
      if (refused.by === 'answer') bodies.push(refused.answer.body)
      for (const body of bodies) {
        const { success, error } = readRefusal(body)
        demandEqual(success, false, 'success')
        demand(typeof error['message'] === 'string' && error['message'] !== '', 'the error has no message')
        demand(typeof error['code'] === 'string' && error['code'] !== '', 'the error has no code')
      }
    },
  },
  {
    id: 'http/refusal-headers',
    title: 'A 401 has WWW-Authenticate, a 405 Allow, and a 426 Upgrade',
    proves: ['R-HTTP-2'],
    async judge(trial) {
      const path = PATHS[trial.provider]
      const missing = await trial.request(path, { origin: trial.origin })
      demandEqual(missing.status, 401, 'the answer without a ticket')
      demand(
        /^bearer\b/i.test(missing.header('WWW-Authenticate') ?? ''),
        'a 401 has no WWW-Authenticate: Bearer',
      )
      const wrong = await trial.request('/health', { method: 'DELETE' })
      demandEqual(wrong.status, 405, 'the answer to DELETE /health')
      demand(/\bGET\b/.test(wrong.header('Allow') ?? ''), 'a 405 has no Allow with GET')
      const headers = { Authorization: `Bearer ${trial.ticket()}` }
      const plain = await trial.request(path, { headers })
      demandEqual(plain.status, 426, 'the answer to a GET with a ticket')
      demand(/^websocket$/i.test(plain.header('Upgrade') ?? ''), 'a 426 has no Upgrade: websocket')
    },
  },
  {
    id: 'http/preflight',
    title: 'A preflight gets 204 with the methods and headers that are allowed',
    proves: ['R-HTTP-3'],
    async judge(trial) {
      const { status, header } = await trial.request(PATHS[trial.provider], {
        method: 'OPTIONS',
        origin: trial.origin,
        headers: {
          'Access-Control-Request-Method': 'GET',
          'Access-Control-Request-Headers': 'authorization,content-type',
        },
      })
      demandEqual(status, 204, 'the answer')
      demandEqual(header('Access-Control-Allow-Origin'), trial.origin, 'the allowed origin')
      demand(/\bGET\b/.test(header('Access-Control-Allow-Methods') ?? ''), 'GET is not among the methods')
      const allowed = (header('Access-Control-Allow-Headers') ?? '').toLowerCase()
      const both = allowed.includes('authorization') && allowed.includes('content-type')
      demand(both, `the allowed headers are ${show(allowed)}`)
    },
  },
  {
    id: 'http/metrics-guarded',
    title: '/metrics and /stats need their bearer, or are not there',
    proves: ['R-HTTP-6'],
    async judge(trial) {
      const { metricsToken } = trial.settings
      for (const path of ['/metrics', '/stats']) {
        const { status } = await trial.request(path)
        const guarded = metricsToken === null ? status === 404 || status === 401 : status === 401
        demand(guarded, `${path} without a bearer got ${status}`)
        const wrong = await trial.request(path, { headers: { Authorization: `Bearer ${marker()}` } })
        demand(wrong.status === status, `${path} with a wrong bearer got ${wrong.status}`)
        if (metricsToken === null) continue
        const right = await trial.request(path, { headers: { Authorization: `Bearer ${metricsToken}` } })
        demandEqual(right.status, 200, `the answer to ${path} with its bearer`)
      }
    },
  },
  {
    id: 'http/metrics-labels',
    title: 'Metrics hold nothing that a client chooses freely',
    proves: ['R-HTTP-6'],
    skip: ({ metricsToken }) => (metricsToken === null ? 'no bearer for metrics is known' : null),
    async judge(trial) {
      const chosen = marker()
      await trial.session({
        ticket: trial.ticket({ sub: chosen }),
        query: `model=${chosen}`,
        headers: { 'User-Agent': chosen },
      })
      await (await trial.call({ origin: `https://${chosen}.example` })).answer()
      await (await trial.call({ path: `/${chosen}` })).answer()
      const headers = { Authorization: `Bearer ${trial.settings.metricsToken}` }
      const { text } = await trial.request('/metrics', { headers })
      demand(!text.includes(chosen), 'something that a client had chosen is in the metrics')
      demand(text.includes('# TYPE'), 'they are not in the format of Prometheus')
    },
  },
]

/** Answers of several kinds to a page, with their headers. */
async function answers(trial: Trial, origin: string): Promise<readonly (readonly [string, Header])[]> {
  const path = PATHS[trial.provider]
  const headers = { Authorization: `Bearer ${trial.ticket()}` }
  const all: [string, Header][] = [
    ['GET /health', (await trial.request('/health', { origin })).header],
    ['GET /ready', (await trial.request('/ready', { origin })).header],
    [`GET ${path}`, (await trial.request(path, { origin, headers })).header],
    [`DELETE ${path}`, (await trial.request(path, { origin, method: 'DELETE' })).header],
  ]
  const refused = await trial.refused({ ticket: 'x.y.z', origin })
  if (refused.by === 'answer') all.push(['an upgrade', refused.answer.header])
  return all
}

function readRefusal(body: string): { success: unknown; error: Record<string, unknown> } {
  try {
    const { success, error } = JSON.parse(body) as { success: unknown; error: Record<string, unknown> }
    return { success, error: error ?? {} }
  } catch {
    return { success: undefined, error: {} } // which is no refusal as the protocol has it
  }
}
