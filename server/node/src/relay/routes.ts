/** Whose API a path speaks. */
export type ProviderName = 'openai' | 'deepgram'

/** A path of a provider, which is also the relay's. */
export type ProviderPath = '/v1/realtime' | '/v1/agent/converse' | '/v1/listen' | '/v2/listen'

/** Where a request is to go. */
export interface Route {
  readonly provider: ProviderName
  readonly path: ProviderPath
  /** The query for the provider, as the client wrote it, without what is the relay's; '' or from '?' on. */
  readonly query: string
  /** The values of `model` in the query. */
  readonly models: readonly string[]
}

/** A request's target, taken apart without trusting it. */
export interface Target {
  readonly path: string
  /** Without '?'. */
  readonly query: string
}

const PROVIDERS: Readonly<Record<ProviderPath, ProviderName>> = {
  '/v1/realtime': 'openai',
  '/v1/agent/converse': 'deepgram',
  '/v1/listen': 'deepgram',
  '/v2/listen': 'deepgram',
}

/** All of them. */
export const PROVIDER_PATHS = Object.keys(PROVIDERS) as readonly ProviderPath[]

/** Parameters that are for the relay; the provider never sees them. */
const OWN_PARAMETERS = new Set(['token', 'service'])

/**
 * Takes apart a request's target: `/path?query`, or an absolute URL, of which only path and query count. What
 * follows a `#` would be read here and never reach the provider, so it does not count either.
 *
 * @returns null where it is neither.
 */
export function parseTarget(url: string): Target | null {
  const relative = url.startsWith('/') ? url.replace(/#.*$/, '') : absolutePath(url)
  if (relative === null) return null
  const mark = relative.indexOf('?')
  return mark < 0
    ? { path: relative, query: '' }
    : { path: relative.slice(0, mark), query: relative.slice(mark + 1) }
}

/**
 * Finds the provider's path behind a target.
 *
 * @param prefix Where the relay is mounted: '' or a path such as `/voice`.
 * @returns null where the path is not the relay's, or names a `service` that does not exist.
 */
export function findRoute(target: Target, prefix: string): Route | null {
  if (!target.path.startsWith(prefix)) return null
  const parameters = readQuery(target.query)
  const path = providerPath(target.path.slice(prefix.length), target.path, parameters.get('service'))
  if (path === null) return null
  return {
    provider: PROVIDERS[path],
    path,
    query: forwardedQuery(target.query),
    models: parameters.getAll('model'),
  }
}

function providerPath(path: string, wholePath: string, service: string | null): ProviderPath | null {
  if (Object.hasOwn(PROVIDERS, path)) return path as ProviderPath
  if (path === '/realtime') return '/v1/realtime'
  if (path !== '/deepgram-proxy' && !path.startsWith('/deepgram-proxy/')) return null
  switch (service ?? (wholePath.includes('transcription') ? 'transcription' : 'agent')) {
    case 'agent':
      return '/v1/agent/converse'
    case 'transcription':
      return '/v1/listen'
    default:
      return null
  }
}

/**
 * Reads a query as the provider will. `URLSearchParams` takes a `?` in front for no part of it: in `??model=…`, which
 * names no model, it would find one.
 *
 * @param query Without the '?' that begins it.
 */
export function readQuery(query: string): URLSearchParams {
  return new URLSearchParams(`?${inASCII(query)}`)
}

function inASCII(query: string): string {
  return query.replace(/[^\x21-\x7e]/g, encodeURIComponent)
}

/** Drops the relay's own parameters, and leaves the others as they were written: order and coding may matter. */
function forwardedQuery(query: string): string {
  const kept = query.split('&').filter((part) => part !== '' && !OWN_PARAMETERS.has(parameterName(part)))
  if (kept.length === 0) return ''
  return `?${inASCII(kept.join('&'))}`
}

function parameterName(part: string): string {
  // URLSearchParams never fails on a broken escape, as decodeURIComponent does.
  for (const [name] of readQuery(part)) return name
  return ''
}

function absolutePath(url: string): string | null {
  // As it was written: what a URL parser makes of backslashes and dots no proxy in front has judged.
  const parts = /^(?:http|ws)s?:\/\/[^/?#\\]+([^#]*)/i.exec(url)
  if (parts === null) return null
  return parts[1]!.startsWith('/') ? parts[1]! : `/${parts[1]}`
}
