import { createHash, timingSafeEqual } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Refusal } from '../codes.ts'
import { type Answer, answerOfError, refusalAnswer, SECURITY_HEADERS, writeAnswer } from '../http.ts'
import type { RelayLogger } from '../log.ts'
import { parseTarget } from '../relay/routes.ts'
import { EventLoopWatch } from './event-loop.ts'
import type { MetricsOptions } from './options.ts'
import type { RelayMetrics } from './registry.ts'
import { readStats } from './stats.ts'

/** A scraper sends a short request at once. */
const SERVER_LIMITS = { headersTimeout: 10_000, requestTimeout: 15_000, maxHeaderSize: 16 * 1024 } as const

export interface MonitoringOptions extends MetricsOptions {
  readonly metrics: RelayMetrics
  /** Where the relay is mounted; on a port of its own the paths have no prefix. */
  readonly prefix: string
  readonly log: RelayLogger
  readonly draining: () => boolean
  /** Throws a `Refusal` where nobody new is let in. */
  readonly checkCapacity: () => Promise<void>
}

/**
 * Shows metrics and stats over HTTP, to whom they are meant for: behind a bearer, or on a port that only the
 * operator's network reaches. No page of any origin can read them.
 */
export class Monitoring {
  readonly #options: MonitoringOptions
  readonly #eventLoop = new EventLoopWatch()
  readonly #startedAt = performance.now()
  #server: Server | null = null

  constructor(options: MonitoringOptions) {
    this.#options = options
    options.metrics.watchProcess()
  }

  /**
   * Answers a request on the relay's own port, if it is for metrics and they are shown there.
   *
   * @returns Whether it is.
   */
  handle(request: IncomingMessage, response: ServerResponse): boolean {
    const { token, port, prefix } = this.#options
    if (token === undefined || port !== undefined) return false
    const path = pathOf(request)
    if (path !== `${prefix}/metrics` && path !== `${prefix}/stats`) return false
    this.#serve(request, response, path.slice(prefix.length))
    return true
  }

  /** Listens on the port of its own, if there is one. @returns The port; null where there is none. */
  async listen(): Promise<number | null> {
    const { port, host = '127.0.0.1' } = this.#options
    if (port === undefined) return null
    const server = createServer(SERVER_LIMITS, (request, response) =>
      this.#serve(request, response, pathOf(request)),
    )
    server.listen(port, host)
    await once(server, 'listening') // rejects where the port is taken
    this.#server = server
    return (server.address() as AddressInfo).port
  }

  close(): void {
    this.#eventLoop.stop()
    this.#server?.close()
    this.#server?.closeAllConnections()
  }

  #serve(request: IncomingMessage, response: ServerResponse, path: string): void {
    this.#answer(request, response, path).catch((error: unknown) => {
      writeAnswer(response, answerOfError(error, this.#options.log), SECURITY_HEADERS)
    })
  }

  async #answer(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
    const answer = (body: object) => writeAnswer(response, ok(body), SECURITY_HEADERS)
    const { metrics, draining } = this.#options
    this.#check(request, path)
    switch (path) {
      case '/health':
        return answer({ status: 'ok' })
      case '/ready':
        await this.#options.checkCapacity()
        return answer({ status: 'ready' })
      case '/stats': {
        const sources = { metrics, eventLoop: this.#eventLoop, startedAt: this.#startedAt }
        return answer(await readStats({ ...sources, draining: draining() }))
      }
      case '/metrics': {
        const text = await metrics.text()
        response.writeHead(200, { ...SECURITY_HEADERS, 'Content-Type': metrics.contentType }).end(text)
        return
      }
      default:
        writeAnswer(response, refusalAnswer(notFound()), SECURITY_HEADERS)
    }
  }

  /** @throws {Refusal} 401 to whom nothing is shown, 405 for a wrong method. */
  #check(request: IncomingMessage, path: string): void {
    const { token } = this.#options
    const open = path === '/health' || path === '/ready'
    if (token !== undefined && !open && !isBearer(request, token)) {
      throw new Refusal(401, 'unauthenticated', 'A token is needed')
    }
    if (request.method === 'GET' || request.method === 'HEAD') return
    throw new Refusal(405, 'method_not_allowed', 'The method must be GET', {
      headers: { Allow: 'GET, HEAD' },
    })
  }
}

/** Compared as hashes, which are equally long: how long it takes tells nothing. */
function isBearer(request: IncomingMessage, token: string): boolean {
  const shown = /^bearer +(\S+) *$/i.exec(request.headers.authorization ?? '')?.[1] ?? ''
  return timingSafeEqual(sha256(shown), sha256(token))
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

function pathOf(request: IncomingMessage): string {
  return parseTarget(request.url ?? '')?.path ?? ''
}

function ok(body: object): Answer {
  return { status: 200, headers: {}, body }
}

function notFound(): Refusal {
  return new Refusal(404, 'not_found', 'There is nothing at this path')
}
