import type { IncomingMessage } from 'node:http'
import { createRequire } from 'node:module'
import type * as OpenTelemetry from '@opentelemetry/api'
import type { Attributes, Context, Span, Tracer } from '@opentelemetry/api'
import type { RelayCode } from './codes.ts'
import type { ProviderPath, Route } from './relay/routes.ts'
import type { SessionSummary } from './relay/session-options.ts'
import type { TokenMode } from './token-service/sessions.ts'
import { VERSION } from './version.ts'

/** Traces with OpenTelemetry, for which `@opentelemetry/api` must be installed beside this package. */
export interface TracingOptions {
  /** Makes a span for each session, refused upgrade and request for a token. Nothing of users or content is in them. */
  readonly tracer?: Tracer
  /** Instead: the tracer `voicewire-relay` of the application's global provider. Default false. */
  readonly tracing?: boolean
}

/** How a request for a token ended. */
export interface TokenOutcome {
  readonly status: number
  /** Why it was refused; null where it was not. */
  readonly code: RelayCode | null
  readonly mode: TokenMode | null
}

/** One session's spans. */
export interface SessionTrace {
  /** How the provider took the handshake. */
  dialled(code: RelayCode | null): void
  ended(summary: SessionSummary): void
}

/**
 * Traces where the options ask for it.
 *
 * @returns null where they do not: nothing is loaded then.
 * @throws {TypeError} Where `@opentelemetry/api` is asked for and not installed.
 */
export function createTracing({ tracer, tracing = false }: TracingOptions): Tracing | null {
  if (tracer === undefined && !tracing) return null
  const api = loadApi()
  return new Tracing(api, tracer ?? api.trace.getTracer('voicewire-relay', VERSION))
}

/** Makes spans, as children of whatever the request's `traceparent` names. */
export class Tracing {
  readonly #api: typeof OpenTelemetry
  readonly #tracer: Tracer

  constructor(api: typeof OpenTelemetry, tracer: Tracer) {
    this.#api = api
    this.#tracer = tracer
  }

  /** A session that was let in and dials. */
  session(request: IncomingMessage, { path, provider }: Route): SessionTrace {
    const { SpanKind, trace } = this.#api
    const attributes = { 'voicewire.path': path, 'voicewire.provider': provider }
    const context = this.#parent(request)
    const kind = SpanKind.SERVER
    const span = this.#tracer.startSpan('voicewire.session', { kind, attributes }, context)
    const within = trace.setSpan(context, span)
    const dial = this.#tracer.startSpan('voicewire.dial', { kind: SpanKind.CLIENT, attributes }, within)
    return {
      dialled: (code) => this.#end(dial, { 'voicewire.code': code ?? 'accepted' }, code !== null),
      ended: (summary) => {
        if (dial.isRecording()) this.#end(dial, { 'voicewire.code': 'abandoned' }, false)
        this.#end(span, sessionAttributes(summary), summary.code?.startsWith('upstream_') === true)
      },
    }
  }

  /** An upgrade that was refused. @param code null where nobody foresaw why. */
  refused(
    request: IncomingMessage,
    path: ProviderPath | null,
    { status, code }: { readonly status: number; readonly code: RelayCode | null },
  ): void {
    const kind = this.#api.SpanKind.SERVER
    const span = this.#tracer.startSpan('voicewire.handshake', { kind }, this.#parent(request))
    const attributes = { 'voicewire.path': path ?? 'other', 'http.response.status_code': status }
    this.#end(span, { ...attributes, 'voicewire.code': code ?? 'unknown' }, status >= 500)
  }

  /** A request for a token. @returns What must be called at its end. */
  token(request: IncomingMessage, action: 'issue' | 'refresh'): (outcome: TokenOutcome) => void {
    const kind = this.#api.SpanKind.SERVER
    const attributes = { 'voicewire.action': action }
    const span = this.#tracer.startSpan('voicewire.token', { kind, attributes }, this.#parent(request))
    return ({ status, code, mode }) => {
      const known = { 'http.response.status_code': status, 'voicewire.code': code ?? 'ok' }
      this.#end(span, { ...known, ...(mode !== null && { 'voicewire.mode': mode }) }, status >= 500)
    }
  }

  #end(span: Span, attributes: Attributes, failed: boolean): void {
    span.setAttributes(attributes)
    if (failed) span.setStatus({ code: this.#api.SpanStatusCode.ERROR })
    span.end()
  }

  /** Read here rather than by a propagator, which an application that only passes a tracer has not set. */
  #parent({ headers }: IncomingMessage): Context {
    const { ROOT_CONTEXT, trace, isSpanContextValid } = this.#api
    const header = headers['traceparent']
    const parts = TRACEPARENT.exec(typeof header === 'string' ? header : '')
    if (parts === null || parts[1] === 'ff') return ROOT_CONTEXT
    const spanContext = {
      traceId: parts[2]!,
      spanId: parts[3]!,
      traceFlags: Number.parseInt(parts[4]!, 16) & 1,
      isRemote: true,
    }
    return isSpanContextValid(spanContext) ? trace.setSpanContext(ROOT_CONTEXT, spanContext) : ROOT_CONTEXT
  }
}

/**
 * Version, trace, parent and flags; later versions may append more.
 *
 * @see https://www.w3.org/TR/trace-context/#traceparent-header
 */
const TRACEPARENT = /^([\da-f]{2})-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(?:$|-)/

function sessionAttributes(summary: SessionSummary): Attributes {
  return {
    'voicewire.code': summary.code ?? 'none',
    'voicewire.ended_by': summary.endedBy,
    'voicewire.close_code.client': summary.clientCloseCode,
    'voicewire.close_code.upstream': summary.upstreamCloseCode,
    'voicewire.bytes.up': summary.bytesUp,
    'voicewire.bytes.down': summary.bytesDown,
    'voicewire.messages.up': summary.messagesUp,
    'voicewire.messages.down': summary.messagesDown,
    ...(summary.connectMs !== null && { 'voicewire.connect_ms': summary.connectMs }),
  }
}

function loadApi(): typeof OpenTelemetry {
  try {
    return createRequire(import.meta.url)('@opentelemetry/api') as typeof OpenTelemetry
  } catch {
    // Its own message would list paths of the machine.
    throw new TypeError(
      'Cannot trace as @opentelemetry/api must be installed: npm install @opentelemetry/api',
    )
  }
}
