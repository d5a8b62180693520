import type { Rule } from '../rule.ts'
import type { Settings } from '../settings.ts'
import type { CallOptions, Trial } from '../trial.ts'
import { demand, demandEqual } from '../violation.ts'

const withoutDeepgram = ({ keys }: Settings) =>
  keys.deepgram === undefined ? 'the relay has no key for Deepgram' : null
const withoutOpenAI = ({ keys }: Settings) =>
  keys.openai === undefined ? 'the relay has no key for OpenAI' : null

/** Which path leads where (R-PATH). */
export const paths: readonly Rule[] = [
  {
    id: 'paths/openai',
    title: '/v1/realtime leads to the same path at OpenAI',
    proves: ['R-PATH-1'],
    skip: withoutOpenAI,
    judge: (trial) => demandLeadsTo(trial, { provider: 'openai', path: '/v1/realtime' }, '/v1/realtime'),
  },
  {
    id: 'paths/deepgram',
    title: '/v1/agent/converse, /v1/listen and /v2/listen lead to the same paths at Deepgram',
    proves: ['R-PATH-1'],
    skip: withoutDeepgram,
    async judge(trial) {
      for (const path of ['/v1/agent/converse', '/v1/listen', '/v2/listen']) {
        await demandLeadsTo(trial, { provider: 'deepgram', path }, path)
      }
    },
  },
  {
    id: 'paths/realtime-alias',
    title: '/realtime is /v1/realtime',
    proves: ['R-PATH-2'],
    profile: 'minimal',
    skip: withoutOpenAI,
    judge: (trial) => demandLeadsTo(trial, { provider: 'openai', path: '/realtime' }, '/v1/realtime'),
  },
  {
    id: 'paths/service-agent',
    title: '/deepgram-proxy?service=agent leads to /v1/agent/converse',
    proves: ['R-PATH-3'],
    profile: 'minimal',
    skip: withoutDeepgram,
    judge: (trial) => demandServes(trial, '/deepgram-proxy', 'service=agent', '/v1/agent/converse'),
  },
  {
    id: 'paths/service-transcription',
    title: '/deepgram-proxy?service=transcription leads to /v1/listen',
    proves: ['R-PATH-3'],
    profile: 'minimal',
    skip: withoutDeepgram,
    judge: (trial) => demandServes(trial, '/deepgram-proxy', 'service=transcription', '/v1/listen'),
  },
  {
    id: 'paths/no-service',
    title: 'Without service a path that contains transcription means it, and any other the agent',
    proves: ['R-PATH-3'],
    skip: withoutDeepgram,
    async judge(trial) {
      await demandServes(trial, '/deepgram-proxy', '', '/v1/agent/converse')
      await demandServes(trial, '/deepgram-proxy/anything', '', '/v1/agent/converse')
      await demandServes(trial, '/deepgram-proxy/transcription', '', '/v1/listen')
    },
  },
  {
    id: 'paths/unknown',
    title: 'Another service or path gets 404 not_found',
    proves: ['R-PATH-4'],
    async judge(trial) {
      const service = { path: '/deepgram-proxy', query: 'service=other' }
      await trial.demandRefused(service, 404, 'not_found', 'another service')
      await trial.demandRefused({ path: '/v3/realtime-unknown' }, 404, 'not_found', 'another path')
    },
  },
  {
    id: 'paths/absolute-form',
    title: 'Of a target in absolute form path and query count',
    proves: ['R-PATH-6'],
    async judge(trial) {
      await trial.session({ start: (target) => `GET http://relay.example${target} HTTP/1.1` })
    },
  },
  {
    id: 'paths/prefix',
    title: 'Below a prefix sessions, health and tokens are served, and nothing beside it',
    proves: ['R-PATH-5'],
    skip: ({ prefix }) => (prefix === '' ? 'the relay has no prefix (--prefix)' : null),
    async judge(trial) {
      await trial.session()
      demandEqual((await trial.request('/health')).status, 200, 'the answer to /health')
      const tokens = await trial.request('/api/voice-agent/health')
      demandEqual(tokens.status, 200, 'the answer to /api/voice-agent/health')
      const beside = (target: string) => `GET ${target.slice(trial.settings.prefix.length)} HTTP/1.1`
      const { status } = await (await trial.call({ start: beside })).answer()
      demand(status !== 101, 'a session was opened beside the prefix')
    },
  },
]

async function demandServes(trial: Trial, path: string, service: string, expected: string): Promise<void> {
  await demandLeadsTo(trial, { provider: 'deepgram', path, query: service }, expected)
}

async function demandLeadsTo(trial: Trial, options: CallOptions, expected: string): Promise<void> {
  const { dial } = await trial.session(options)
  demandEqual(dial.path, expected, `the path at the provider behind ${options.path ?? 'it'}`)
}
