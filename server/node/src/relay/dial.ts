import { randomBytes } from 'node:crypto'
import { type Agent, type ClientRequest, type IncomingMessage, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import type { Socket } from 'node:net'
import type { RelayCode } from '../codes.ts'
import { acceptValue } from './handshake.ts'

/** A handshake with the provider that did not come about. */
export class DialError extends Error {
  override readonly name = 'DialError'
  readonly code: RelayCode
  /** The close code that tells the client. */
  readonly closeCode: 1011 | 1013
  /** The provider's HTTP status, for the log; null where it gave none. */
  readonly status: number | null

  constructor(code: RelayCode, message: string, status: number | null = null) {
    super(message)
    this.code = code
    this.closeCode = code === 'upstream_rate_limited' ? 1013 : 1011
    this.status = status
  }
}

export interface DialOptions {
  readonly headers: Readonly<Record<string, string>>
  readonly protocols: readonly string[]
  readonly agent: Agent
  /** The whole handshake may take this long, in ms. */
  readonly timeoutMs: number
  /** Gives up; nothing is left open. */
  readonly signal: AbortSignal
}

/** The provider's connection after the handshake, and what came with its last byte. */
export interface Dialled {
  readonly socket: Socket
  readonly head: Buffer
}

/**
 * Opens a WebSocket to the provider and hands over the socket beneath it.
 *
 * @param url An `http:` or `https:` URL.
 * @throws {DialError} Where the provider refuses, answers nonsense, or does not answer.
 */
export function dial(url: string, options: DialOptions): Promise<Dialled> {
  const { promise, resolve, reject } = Promise.withResolvers<Dialled>()
  const key = randomBytes(16).toString('base64')
  const request = startRequest(url, key, options)
  const timer = setTimeout(() => {
    fail(new DialError('upstream_timeout', 'The provider did not answer in time'))
  }, options.timeoutMs)
  const abort = () => fail(new DialError('upstream_unavailable', 'The client left'))
  const settle = () => {
    clearTimeout(timer)
    options.signal.removeEventListener('abort', abort)
  }
  const fail = (error: DialError) => {
    settle()
    request.destroy()
    reject(error)
  }
  options.signal.addEventListener('abort', abort, { once: true })
  request.on('upgrade', (response: IncomingMessage, socket: Socket, head: Buffer) => {
    const fault = judgeAnswer(response, key, options.protocols)
    if (fault !== null) {
      socket.destroy()
      return fail(new DialError('upstream_protocol_error', fault, response.statusCode))
    }
    settle()
    resolve({ socket, head })
  })
  request.on('response', (response) => fail(refused(response.statusCode ?? 0)))
  request.on('error', (error) => fail(broken(error)))
  request.end()
  if (options.signal.aborted) abort()
  return promise
}

function startRequest(url: string, key: string, { headers, protocols, agent }: DialOptions): ClientRequest {
  const start = url.startsWith('https:') ? requestHttps : requestHttp
  return start(url, {
    agent,
    headers: {
      ...headers,
      Connection: 'Upgrade',
      Upgrade: 'websocket',
      'Sec-WebSocket-Version': '13',
      'Sec-WebSocket-Key': key,
      ...(protocols.length > 0 && { 'Sec-WebSocket-Protocol': protocols.join(', ') }),
    },
  })
}

/** RFC 6455 §4.1, what a client must check in the answer; null where all is well. */
function judgeAnswer(response: IncomingMessage, key: string, protocols: readonly string[]): string | null {
  const { headers } = response
  if (headers.upgrade?.toLowerCase() !== 'websocket') return 'The provider upgraded to something else'
  if (headers['sec-websocket-accept'] !== acceptValue(key))
    return 'The provider did not prove that it read the key'
  if (headers['sec-websocket-extensions'] !== undefined)
    return 'The provider uses an extension nobody offered'
  const selected = headers['sec-websocket-protocol']
  if (selected !== undefined && !protocols.includes(selected)) {
    return 'The provider selected a subprotocol nobody offered'
  }
  return null
}

function refused(status: number): DialError {
  switch (true) {
    case status === 401 || status === 403:
      return new DialError('upstream_unauthorized', 'The provider did not accept the relay', status)
    case status === 429:
      return new DialError('upstream_rate_limited', 'The provider is at its limit', status)
    case status >= 500:
      return new DialError('upstream_unavailable', 'The provider is out of order', status)
    default:
      return new DialError('upstream_refused', 'The provider refused the session', status)
  }
}

/** The parser's errors begin with `HPE_`: the provider spoke, but not HTTP. */
function broken(error: NodeJS.ErrnoException): DialError {
  const spoke = error.code?.startsWith('HPE_') === true
  return spoke
    ? new DialError('upstream_protocol_error', 'The provider did not answer in HTTP')
    : new DialError('upstream_unavailable', 'The provider cannot be reached')
}
