import type { Configuration } from './config-schema.ts'
import type { RelayOptions } from './options.ts'
import { DEFAULT_URLS } from './upstreams.ts'

/**
 * What would run, in lines for a person. No secret is in it, and of a URL only the host.
 *
 * @param source Where it was read from, beside the environment; null: from nowhere else.
 */
export function checkReport({ host, port, relay }: Configuration, source: string | null): string {
  const lines = {
    'listens on': `${host.includes(':') ? `[${host}]` : host}:${port}${relay.prefix ?? ''}`,
    configuration: source === null ? 'environment' : `environment, ${source}`,
    mode: relay.production === true ? 'production' : 'development',
    providers: providers(relay).join(', '),
    origins: relay.allowedOrigins.join(', '),
    'lets in': waysIn(relay).join(', '),
    'issues tokens': tokens(relay).join(', ') || 'no',
    policy: Object.keys(relay.policy ?? {}).join(', ') || 'none: pages decide what the agent is',
    tools: (relay.tools ?? []).map(({ name }) => name).join(', ') || 'none',
    functions: Object.keys(relay.functions ?? {}).join(', ') || 'none',
    'shares state': shared(relay),
    budgets: budgets(relay).join(', ') || 'none',
    metrics: metrics(relay),
  }
  return Object.entries(lines)
    .map(([name, value]) => `${`${name}:`.padEnd(15)}${value}`)
    .join('\n')
}

function providers({ openai, deepgram }: RelayOptions): string[] {
  const at = (...urls: string[]) => [...new Set(urls.map((url) => new URL(url).host))].join(' and ')
  const deepgramUrls = [
    deepgram?.url ?? DEFAULT_URLS.deepgram,
    deepgram?.agentUrl ?? DEFAULT_URLS.deepgramAgent,
  ]
  return [
    ...(openai?.apiKey === undefined ? [] : [`OpenAI at ${at(openai.url ?? DEFAULT_URLS.openai)}`]),
    ...(deepgram?.apiKey === undefined ? [] : [`Deepgram at ${at(...deepgramUrls)}`]),
  ]
}

function waysIn({ tickets, authenticate, open = false }: RelayOptions): string[] {
  return [
    ...(tickets?.secret === undefined ? [] : ['tickets issued here or with the same secret']),
    ...(tickets?.jwksUrl === undefined ? [] : [`tickets with keys from ${new URL(tickets.jwksUrl).host}`]),
    ...(authenticate === undefined ? [] : ['whom authenticate knows']),
    ...(open === false ? [] : ['ANY PAGE OF AN ALLOWED ORIGIN, AT YOUR COST']),
  ]
}

function tokens({ tickets, tokens: options }: RelayOptions): string[] {
  const { openai, deepgram = false } = options?.direct ?? {}
  return [
    ...(tickets?.secret === undefined ? [] : ['for this relay']),
    ...(openai === undefined ? [] : ['for OpenAI directly']),
    ...(deepgram ? ['for Deepgram directly'] : []),
  ]
}

function shared({ redis, state }: RelayOptions): string {
  if (redis !== undefined) return `by Redis at ${new URL(redis.url).host}`
  return state === undefined ? 'with no other instance' : 'by what the configuration file made'
}

function budgets({ budgets: { tokensPerDay = 0, minutesPerDay = 0 } = {} }: RelayOptions): string[] {
  return [
    ...(tokensPerDay > 0 ? [`${tokensPerDay} tokens`] : []),
    ...(minutesPerDay > 0 ? [`${minutesPerDay} minutes`] : []),
  ].map((budget) => `${budget} per user and day`)
}

function metrics({ metrics: { token, port, host = '127.0.0.1' } = {} }: RelayOptions): string {
  if (port !== undefined) return `at ${host}:${port}${token === undefined ? '' : ', with a bearer'}`
  return token === undefined ? 'not shown' : 'with a bearer'
}
