import type { Has } from './faults.ts'

export type Provider = 'openai' | 'deepgram'

/** Where a request is to go. */
export interface Route {
  readonly provider: Provider
  /** Of the relay. */
  readonly path: string
  /** At the provider, with the query. */
  readonly target: string
  readonly models: readonly string[]
  readonly parameters: URLSearchParams
}

/** @returns null where the path is not the relay's. */
export function findRoute(url: string, prefix: string, has: Has): Route | null {
  const relative = has('no-absolute-form') ? url : url.replace(/^https?:\/\/[^/]+/i, '')
  const [whole = '', query = ''] = relative.split('?', 2)
  const path = whole.startsWith(prefix) ? whole.slice(prefix.length) : has('serves-beside') ? whole : null
  if (path === null) return null
  const parameters = new URLSearchParams(query)
  const upstream = upstreamPath(path, parameters.get('service'), has)
  if (upstream === null) return null
  const kept = forwarded(query, has)
  const target = kept === '' ? upstream : `${upstream}?${kept}`
  const provider = path === '/realtime' || path === '/v1/realtime' ? 'openai' : 'deepgram'
  return { provider, path, target, models: parameters.getAll('model'), parameters }
}

function upstreamPath(path: string, service: string | null, has: Has): string | null {
  switch (path) {
    case '/v1/realtime':
      return has('wrong-openai-path') ? '/realtime' : path
    case '/realtime':
      return has('no-alias') ? null : '/v1/realtime'
    case '/v2/listen':
      return has('v2-as-v1') ? '/v1/listen' : path
    case '/v1/agent/converse':
    case '/v1/listen':
      return path
  }
  if (path !== '/deepgram-proxy' && !path.startsWith('/deepgram-proxy/')) return null
  const inPath = path.includes('transcription') && !has('never-transcribes')
  switch (service ?? (inPath ? 'transcription' : 'agent')) {
    case 'agent':
      return service !== null && has('agent-listens') ? '/v1/listen' : '/v1/agent/converse'
    case 'transcription':
      return service !== null && has('transcription-talks') ? '/v1/agent/converse' : '/v1/listen'
    default:
      return has('any-service') ? '/v1/agent/converse' : null
  }
}

function forwarded(query: string, has: Has): string {
  const isOwn = (part: string) => {
    if (has('literal-parameters')) return /^(?:token|service)=/.test(part)
    if (has('forwards-service') && part.startsWith('service=')) return false
    const [name] = [...new URLSearchParams(part).keys()]
    return name === 'token' || name === 'service'
  }
  const kept = query.split('&').filter((part) => part !== '' && !isOwn(part))
  return has('rewrites-query') ? new URLSearchParams(kept.join('&')).toString() : kept.join('&')
}
