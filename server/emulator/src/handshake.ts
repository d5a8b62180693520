import type { IncomingMessage } from 'node:http'

/** An upgrade that is answered with an HTTP status. */
export interface Refusal {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  /** The body, written as JSON. */
  readonly body: unknown
}

/** The URL of a request; only path and query mean anything. */
export function urlOf(request: IncomingMessage): URL {
  return new URL(request.url ?? '/', 'http://localhost')
}

/** Splits `Authorization` into its scheme, in lower case, and the rest; `null` without one. */
export function authorizationOf(request: IncomingMessage): { scheme: string; value: string } | null {
  const match = /^(\S+)\s+(\S+)\s*$/.exec(request.headers.authorization ?? '')
  return match ? { scheme: match[1]!.toLowerCase(), value: match[2]! } : null
}
