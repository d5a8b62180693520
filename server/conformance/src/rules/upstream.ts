import { createHash, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { codeOf } from '../answer.ts'
import type { Rule } from '../rule.ts'
import type { Provider } from '../settings.ts'
import { type CallOptions, marker, PATHS, type Trial } from '../trial.ts'
import type { Dial } from '../upstream.ts'
import { demand, demandEqual, show, within } from '../violation.ts'
import { fence, LEGS_MS, SLACK_MS } from './sessions.ts'
import { demandTold } from './told.ts'

/** What the provider gets to see, and what the client learns of it (R-UP). */
export const upstream: readonly Rule[] = [
  {
    id: 'upstream/key-shown',
    title: "The provider is shown the relay's key, and never in the URL",
    proves: ['R-UP-2'],
    profile: 'minimal',
    async judge(trial) {
      for (const provider of trial.providers) {
        const { dial } = await trial.session({ provider })
        const key = trial.settings.keys[provider] ?? null
        const shown = `${dial.header('authorization') ?? ''} ${dial.offered.join(' ')}`.trim()
        demand(key === null ? shown !== '' : shown.includes(key), `no key was shown to ${provider}`)
        demand(key === null || !dial.target.includes(key), `the URL for ${provider} holds the key`)
      }
    },
  },
  {
    id: 'upstream/authorization',
    title: 'The key travels in Authorization alone: Bearer at OpenAI, Token at Deepgram',
    proves: ['R-UP-2'],
    async judge(trial) {
      for (const provider of trial.providers) {
        const { dial } = await trial.session({ provider })
        const [scheme = '', key = ''] = (dial.header('authorization') ?? '').split(' ')
        demandEqual(scheme, provider === 'openai' ? 'Bearer' : 'Token', `the scheme at ${provider}`)
        const known = trial.settings.keys[provider]
        demand(known == null || key === known, `another key than the configured one was shown to ${provider}`)
        const others = dial.head.headers.filter(([name]) => name.toLowerCase() !== 'authorization')
        const again = others.find(([, value]) => key !== '' && value.includes(key))
        demand(again === undefined, `the key stands in ${again?.[0]}, too`)
      }
    },
  },
  {
    id: 'upstream/own-parameters',
    title: 'token and service do not reach the provider',
    proves: ['R-UP-3'],
    profile: 'minimal',
    async judge(trial) {
      const own = `service=agent&token=${marker()}`
      const simple = trial.settings.profile === 'minimal'
      for (const provider of trial.providers) {
        const { dial } = await trial.session({ provider, ...(!simple && { query: own }) })
        const names = [...new URLSearchParams(dial.query).keys()]
        const found = names.filter((name) => name === 'token' || name === 'service')
        demand(found.length === 0, `${found.join(' and ')} reached ${provider}`)
      }
    },
  },
  {
    id: 'upstream/encoded-parameters',
    title: 'token and service do not reach the provider however they are encoded',
    proves: ['R-UP-3'],
    async judge(trial) {
      const secret = marker()
      const query = `%74oken=${secret}&t%6Fke%6e=${secret}&servic%65=agent`
      const { dial } = await trial.session({ query, path: PATHS[trial.provider] })
      demand(!dial.target.includes(secret), 'a token in another coding reached the provider')
      const names = [...new URLSearchParams(dial.query).keys()]
      demand(!names.includes('service'), 'service in another coding reached the provider')
    },
  },
  {
    id: 'upstream/other-parameters',
    title: 'All other parameters reach the provider as they were written, in their order',
    proves: ['R-UP-3'],
    async judge(trial) {
      const query = 'model=a%2Fb&keyterm=x+y&keyterm=%C3%BC&flag&empty=&eq=a=b=c&z=1&a=2&tokens=3&my_token=4'
      const { dial } = await trial.session({ query })
      demandEqual(dial.query, query, 'the query at the provider')
    },
  },
  {
    id: 'upstream/client-headers',
    title: "None of the client's headers reaches the provider",
    proves: ['R-UP-4'],
    async judge(trial) {
      const secret = marker()
      const names = ['Cookie', 'User-Agent', 'X-Api-Key', 'Api-Key', 'OpenAI-Organization', 'X-Custom']
      const headers = Object.fromEntries(names.map((name) => [name, secret]))
      for (const provider of trial.providers) {
        const { dial } = await trial.session({
          provider,
          origin: trial.origin,
          headers: { ...headers, 'OpenAI-Beta': 'realtime=v1' },
        })
        const leaked = dial.head.headers.find(([, value]) => value.includes(secret))
        demand(leaked === undefined, `${leaked?.[0]} reached ${provider}`)
        demandEqual(dial.header('openai-beta'), null, `OpenAI-Beta at ${provider}`)
        demandEqual(dial.header('origin'), null, `Origin at ${provider}`)
      }
    },
  },
  {
    id: 'upstream/client-subprotocols',
    title: "Of the client's subprotocols none reaches the provider but realtime at OpenAI",
    proves: ['R-UP-4'],
    async judge(trial) {
      for (const provider of trial.providers) {
        const protocols = ['voice.v2', 'openai-beta.realtime-v1', `openai-organization.${provider}`]
        const { dial } = await trial.session({ provider, protocols })
        const foreign = dial.offered.filter((name) => !(provider === 'openai' && name === 'realtime'))
        demand(foreign.length === 0, `${show(foreign[0])} reached ${provider}`)
      }
    },
  },
  {
    id: 'upstream/safety-identifier',
    title: "OpenAI-Safety-Identifier carries the user's SHA-256",
    proves: ['R-UP-5'],
    skip: ({ keys }) => (keys.openai === undefined ? 'the relay has no key for OpenAI' : null),
    async judge(trial) {
      const sub = `user-${randomUUID()}`
      const { dial } = await trial.session({ provider: 'openai', ticket: trial.ticket({ sub }) })
      const expected = createHash('sha256').update(sub).digest('hex')
      demandEqual(dial.header('openai-safety-identifier'), expected, 'OpenAI-Safety-Identifier')
    },
  },
  {
    id: 'upstream/only-configured-hosts',
    title: 'Nothing that a client sends changes who is dialled',
    proves: ['R-UP-1', 'R-PATH-6'],
    async judge(trial) {
      let dialled = 0
      const elsewhere = createServer((socket) => {
        dialled += 1
        socket.destroy()
      })
      elsewhere.listen(0, '127.0.0.1')
      await once(elsewhere, 'listening')
      const host = `127.0.0.1:${(elsewhere.address() as AddressInfo).port}`
      const url = encodeURIComponent(`ws://${host}/v1/realtime`)
      const query = `url=${url}&host=${host}&endpoint=${url}&upstream=${url}&base_url=${url}`
      const asked: readonly CallOptions[] = [
        { query },
        { headers: { Host: host, 'X-Forwarded-Host': host, 'X-Upstream': `ws://${host}` } },
        { start: (target) => `GET http://${host}${target} HTTP/1.1` },
      ]
      try {
        for (const options of asked) {
          const call = await trial.call(options)
          await Promise.race([call.dialled(2000).catch(() => null), call.answer().then(() => fence(trial))])
        }
        await fence(trial)
        demandEqual(dialled, 0, 'the number of connections to a host that the client named')
      } finally {
        elsewhere.close()
      }
    },
  },
  {
    id: 'upstream/unauthorized',
    title: '401 and 403 of the provider are told as upstream_unauthorized',
    proves: ['R-UP-7'],
    async judge(trial) {
      for (const status of [401, 403]) await demandRefusal(trial, status, 1011, 'upstream_unauthorized')
    },
  },
  {
    id: 'upstream/rate-limited',
    title: '429 of the provider is told as upstream_rate_limited with 1013',
    proves: ['R-UP-7'],
    judge: (trial) => demandRefusal(trial, 429, 1013, 'upstream_rate_limited'),
  },
  {
    id: 'upstream/out-of-order',
    title: '500 and above of the provider are told as upstream_unavailable',
    proves: ['R-UP-7'],
    async judge(trial) {
      for (const status of [500, 502, 503, 504])
        await demandRefusal(trial, status, 1011, 'upstream_unavailable')
    },
  },
  {
    id: 'upstream/refused',
    title: 'Any other status of the provider is told as upstream_refused',
    proves: ['R-UP-7'],
    async judge(trial) {
      for (const status of [400, 404, 426, 200]) await demandRefusal(trial, status, 1011, 'upstream_refused')
    },
  },
  {
    id: 'upstream/redirect',
    title: 'A redirect of the provider is not followed, and is told as upstream_refused',
    proves: ['R-UP-7', 'R-UP-1'],
    async judge(trial) {
      const path = `/redirected-${randomUUID()}`
      const Location = `http://127.0.0.1:${trial.upstream.port}${path}`
      await demandRefusal(trial, 302, 1011, 'upstream_refused', { Location })
      await fence(trial)
      demand(!trial.upstream.strays.some(({ target }) => target.startsWith(path)), 'the relay followed it')
    },
  },
  {
    id: 'upstream/hangs-no-client',
    title: 'A client whose provider refuses is not left hanging',
    proves: ['R-UP-7', 'R-LIFE-1'],
    profile: 'minimal',
    async judge(trial) {
      const call = await trial.call()
      ;(await call.dialled()).refuse(402)
      const answer = await call.answer()
      await answer.client?.closed()
    },
  },
  {
    id: 'upstream/unreachable',
    title: 'A provider that cannot be reached is told as upstream_unavailable',
    proves: ['R-UP-7'],
    alone: true,
    async judge(trial) {
      await trial.upstream.away(async () => {
        const call = await trial.call()
        await demandTold(call, 1011, 'upstream_unavailable')
      })
    },
  },
  {
    id: 'upstream/dies-in-handshake',
    title: 'A provider that hangs up instead of an answer ends the session with 1011',
    proves: ['R-UP-7', 'R-UP-8'],
    async judge(trial) {
      const call = await trial.call()
      ;(await call.dialled()).reset()
      // It may count as one that cannot be reached, or as one that does not speak HTTP.
      const answer = await call.answer()
      const code = answer.client === null ? codeOf(answer.body) : (await answer.client.closed()).reason
      const allowed = ['upstream_unavailable', 'upstream_protocol_error', 'upstream_lost']
      demand(allowed.includes(code), `the client was told ${show(code)}`)
    },
  },
  {
    id: 'upstream/timeout',
    title: 'A provider that does not answer within 10 s is told as upstream_timeout',
    proves: ['R-UP-6'],
    long: true,
    async judge(trial) {
      const call = await trial.call()
      const startedAt = performance.now()
      const dial = await call.dialled()
      // Each line of its header in time, and the header as a whole not.
      dial.write(Buffer.from('HTTP/1.1 101 Switching Protocols\r\n'))
      const drip = setInterval(() => dial.write(Buffer.from('X-Slow: 1\r\n')), 900)
      try {
        await demandTold(call, 1011, 'upstream_timeout', 14_000)
      } finally {
        clearInterval(drip)
      }
      const seconds = (performance.now() - startedAt) / 1000
      demand(seconds < 12.5, `that came after ${seconds.toFixed(1)} s`)
    },
  },
  {
    id: 'upstream/garbage',
    title: 'A provider that does not answer in HTTP is told as upstream_protocol_error',
    proves: ['R-UP-8'],
    judge: (trial) =>
      demandBroken(trial, (dial) => {
        dial.write(Buffer.from('\x00\x01 this is no HTTP at all\r\n\r\n'))
        dial.socket.end()
      }),
  },
  {
    id: 'upstream/wrong-accept',
    title: 'A wrong Sec-WebSocket-Accept is told as upstream_protocol_error',
    proves: ['R-UP-8'],
    judge: (trial) =>
      demandBroken(trial, (dial) => {
        dial.accept({ headers: { 'Sec-WebSocket-Accept': Buffer.alloc(20).toString('base64') } })
      }),
  },
  {
    id: 'upstream/unoffered-subprotocol',
    title: 'A subprotocol that was not offered is told as upstream_protocol_error',
    proves: ['R-UP-8'],
    judge: (trial) =>
      demandBroken(trial, (dial) => {
        dial.accept({ headers: { 'Sec-WebSocket-Protocol': 'never-offered' } })
      }),
  },
  {
    id: 'upstream/unoffered-extension',
    title: 'An extension that was not offered is told as upstream_protocol_error',
    proves: ['R-UP-8'],
    judge: (trial) =>
      demandBroken(trial, (dial) => {
        dial.accept({ headers: { 'Sec-WebSocket-Extensions': 'x-never-offered' } })
      }),
  },
  {
    id: 'upstream/words-stay',
    title: 'Nothing of what the provider says about a refusal reaches the client',
    proves: ['R-UP-9'],
    async judge(trial) {
      const secret = marker()
      const call = await trial.call()
      ;(await call.dialled()).refuse(401, { 'X-Request-Id': secret }, `{"error":"Incorrect key ${secret}"}`)
      const answer = await call.answer()
      const closing = (await answer.client?.closed()) ?? null
      const heard = [answer.body, closing?.reason ?? '', ...(answer.client?.drain() ?? [])].join('\n')
      demand(!heard.includes(secret), "the client got the provider's words")
    },
  },
  {
    id: 'upstream/key-in-reason',
    title: "A close reason of the provider that holds the relay's key is emptied",
    proves: ['R-UP-2'],
    skip: ({ keys }) => (keys.openai || keys.deepgram ? null : "the relay's key is not known (--config)"),
    async judge(trial) {
      const provider = (['openai', 'deepgram'] as const).find((name) => trial.settings.keys[name])!
      const key = trial.settings.keys[provider]!
      const session = await trial.session({ provider })
      session.provider.close(4001, `bad key ${key}`)
      const { reason } = await session.client.closed()
      demand(!reason.includes(key), 'the client got the key in a close reason')
    },
  },
  {
    id: 'upstream/dial-aborted',
    title: 'When the client goes while the provider is dialled, that ends within 1.5 s',
    proves: ['R-UP-10'],
    async judge(trial) {
      for (const leave of ['reset', 'close'] as const) {
        const call = await trial.call()
        const dial = await call.dialled()
        const { client } = await call.answer(1000).catch(() => ({ client: null }))
        if (leave === 'close' && client !== null) client.close(1000)
        else call.socket.resetAndDestroy()
        await within(LEGS_MS + SLACK_MS, dial.gone, `the end of the dial behind a ${leave}`)
      }
    },
  },
  {
    id: 'upstream/not-configured',
    title: 'The paths of a provider without a key get 503 provider_not_configured',
    proves: ['R-UP-11'],
    skip: ({ keys }) =>
      keys.openai !== undefined && keys.deepgram !== undefined
        ? 'the relay has keys for both providers'
        : null,
    async judge(trial) {
      const missing: Provider = trial.settings.keys.openai === undefined ? 'openai' : 'deepgram'
      const options = { provider: missing }
      await trial.demandRefused(options, 503, 'provider_not_configured', `a session with ${missing}`)
    },
  },
]

async function demandRefusal(
  trial: Trial,
  status: number,
  closeCode: number,
  code: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<void> {
  const call = await trial.call()
  ;(await call.dialled()).refuse(status, headers)
  await demandTold(call, closeCode, code)
}

async function demandBroken(trial: Trial, answer: (dial: Dial) => void): Promise<void> {
  const call = await trial.call()
  answer(await call.dialled())
  await demandTold(call, 1011, 'upstream_protocol_error')
}
