import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { RelayCode } from '../codes.ts'
import { PROVIDER_PATHS, type ProviderName, type ProviderPath } from '../relay/routes.ts'
import type { Direction, MeasuredSession, SessionTraffic } from '../relay/session-meter.ts'
import { SAMPLED_CHUNKS } from '../relay/session-meter.ts'
import type { SessionSummary } from '../relay/session-options.ts'
import type { SharedState } from '../state/shared-state.ts'
import { closeLabel } from './close-label.ts'

/** What a limit said: `blocked` where nothing is answered for a while. */
export type LimitDecision = 'allowed' | 'refused' | 'blocked'

/** What limits. */
export type Limiter = 'upgrades' | 'connections' | 'issue_ip' | 'issue_user' | 'refresh_ip' | 'refresh_user'

/** How a handshake ended: `abandoned` where the client had left before it could be answered. */
export type HandshakeCode = RelayCode | 'accepted' | 'abandoned'

const PREFIX = 'voicewire_relay_'
const DIAL_SECONDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const SESSION_SECONDS = [1, 5, 15, 60, 180, 600, 1800, 3600, 7200]
/** From below what a message costs on an idle core to what a listener would hear. */
const LATENCY_SECONDS = [
  0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5,
]

/** The sessions that last: a set, or a map that has them as keys. */
interface Sessions {
  keys(): Iterable<MeasuredSession>
}

/**
 * All numbers of one relay, in a registry of its own. Labels are words that the relay knows: nothing in them was
 * chosen by a client. What passes through is counted by the sessions and read when somebody asks.
 */
export class RelayMetrics {
  readonly #registry = new Registry()
  readonly #sessions: Sessions
  readonly #past = { bytesUp: 0, bytesDown: 0, messagesUp: 0, messagesDown: 0 }
  readonly #handshakes = this.#counter('handshakes_total', 'Upgrades, by how they ended', ['path', 'code'])
  readonly #dials = this.#counter('dials_total', 'Handshakes with providers, by how they ended', [
    'path',
    'code',
  ])
  readonly #dialSeconds = this.#histogram('dial_seconds', 'Until a provider accepted', ['path'], DIAL_SECONDS)
  readonly #latency = this.#histogram(
    'added_latency_seconds',
    `From when a chunk was read until the kernel took its last byte; the first and every ${SAMPLED_CHUNKS}th chunk of each direction of a session, without those that wait for the rest of their message`,
    ['direction'],
    LATENCY_SECONDS,
  )
  readonly #closes = this.#counter('session_closes_total', 'Sessions, by what each side closed with', [
    'side',
    'code',
  ])
  readonly #ends = this.#counter('session_ends_total', 'Sessions, by who ended them and why', [
    'ended_by',
    'code',
  ])
  readonly #lengths = this.#histogram('session_seconds', 'Length of sessions', ['path'], SESSION_SECONDS)
  readonly #limits = this.#counter('limit_decisions_total', 'What limits said', ['limiter', 'decision'])
  readonly #tokenRequests = this.#counter('token_requests_total', 'Requests for tokens, by how they ended', [
    'action',
    'code',
  ])
  readonly #tokens = this.#counter('tokens_used_total', 'Tokens that responses of the provider used', [
    'provider',
  ])
  readonly #drains = this.#counter('drains_total', 'How often the relay was told to close', [])
  #processWatched = false

  /** @param sessions Those that last, which the relay keeps. */
  constructor(sessions: Sessions) {
    this.#sessions = sessions
    this.#collectSessions()
    this.#collectTraffic()
    this.#drains.inc(0)
  }

  /** The content type of `text`. */
  get contentType(): string {
    return this.#registry.contentType
  }

  /** What passed through, ended sessions included. */
  get traffic(): SessionTraffic {
    let { bytesUp, bytesDown, messagesUp, messagesDown } = this.#past
    let bufferedBytes = 0
    for (const { traffic } of this.#sessions.keys()) {
      bytesUp += traffic.bytesUp
      bytesDown += traffic.bytesDown
      messagesUp += traffic.messagesUp
      messagesDown += traffic.messagesDown
      bufferedBytes += traffic.bufferedBytes
    }
    return { bytesUp, bytesDown, messagesUp, messagesDown, bufferedBytes }
  }

  /** How many sessions last, by path; every path is there. */
  get sessionsByPath(): Readonly<Record<ProviderPath, number>> {
    const counts = Object.fromEntries(PROVIDER_PATHS.map((path) => [path, 0])) as Record<ProviderPath, number>
    for (const { path } of this.#sessions.keys()) counts[path] += 1
    return counts
  }

  /** Begins to show whether the store is away that instances share. */
  watchState(state: Pick<SharedState, 'status'>): void {
    const help = '1 while Redis is away and this instance decides for itself, otherwise 0'
    this.#gauge('state_degraded', help, [], (gauge) => gauge.set(state.status === 'healthy' ? 0 : 1))
  }

  /** All metrics in Prometheus' text format, those of the process too. */
  text(): Promise<string> {
    this.watchProcess()
    return this.#registry.metrics()
  }

  /** Begins to measure the process, once: its event loop is measured only from then on. */
  watchProcess(): void {
    if (this.#processWatched) return
    this.#processWatched = true
    collectDefaultMetrics({ register: this.#registry })
  }

  /** How many upgrades were refused, by code. */
  async refusals(): Promise<Record<string, number>> {
    const counts: Record<string, number> = {}
    for (const { labels, value } of (await this.#handshakes.get()).values) {
      const code = String(labels['code'])
      if (code !== 'accepted') counts[code] = (counts[code] ?? 0) + value
    }
    return counts
  }

  /** @param path null where it is none of the relay's. */
  handshake(path: ProviderPath | null, code: HandshakeCode): void {
    this.#handshakes.inc({ path: path ?? 'other', code })
  }

  /** @param code null where the provider accepted. @param seconds Until it answered or failed. */
  dialled(path: ProviderPath, code: RelayCode | null, seconds: number): void {
    this.#dials.inc({ path, code: code ?? 'accepted' })
    if (code === null) this.#dialSeconds.observe({ path }, seconds)
  }

  latency(direction: Direction, seconds: number): void {
    this.#latency.observe({ direction }, seconds)
  }

  /** Takes over what a session counted; it must leave the sessions in the same turn, or it would count twice. */
  ended(path: ProviderPath, summary: SessionSummary): void {
    this.#past.bytesUp += summary.bytesUp
    this.#past.bytesDown += summary.bytesDown
    this.#past.messagesUp += summary.messagesUp
    this.#past.messagesDown += summary.messagesDown
    this.#closes.inc({ side: 'client', code: closeLabel(summary.clientCloseCode) })
    this.#closes.inc({ side: 'upstream', code: closeLabel(summary.upstreamCloseCode) })
    this.#ends.inc({ ended_by: summary.endedBy, code: summary.code ?? 'none' })
    this.#lengths.observe({ path }, summary.durationMs / 1000)
  }

  limited(limiter: Limiter, decision: LimitDecision): void {
    this.#limits.inc({ limiter, decision })
  }

  /** @param code `ok`, or why a request for a token was refused. */
  tokenAnswered(action: 'issue' | 'refresh', code: RelayCode | 'ok'): void {
    this.#tokenRequests.inc({ action, code })
  }

  /** Counts what a response used, as the provider reports it. */
  onUsage(provider: ProviderName, tokens: number): void {
    if (tokens > 0 && Number.isFinite(tokens)) this.#tokens.inc({ provider }, tokens)
  }

  drained(): void {
    this.#drains.inc()
  }

  #collectSessions(): void {
    this.#gauge(
      'sessions',
      'Sessions that last, those still dialling or closing included',
      ['path'],
      (gauge) => {
        for (const [path, count] of Object.entries(this.sessionsByPath)) gauge.set({ path }, count)
      },
    )
    this.#gauge('buffered_bytes', 'What waits in the relay to be written, to both sides', [], (gauge) =>
      gauge.set(this.traffic.bufferedBytes),
    )
  }

  #collectTraffic(): void {
    const bytes = 'Bytes on the wire: up from clients, down from providers'
    this.#total('bytes_total', bytes, ({ bytesUp: up, bytesDown: down }) => ({ up, down }))
    const messages = 'Data messages: up from clients, down from providers'
    this.#total('messages_total', messages, ({ messagesUp: up, messagesDown: down }) => ({ up, down }))
  }

  /** A counter by direction that is read from the sessions when somebody asks. */
  #total(name: string, help: string, read: (traffic: SessionTraffic) => Record<Direction, number>): void {
    const current = () => read(this.traffic)
    new Counter({
      name: PREFIX + name,
      help,
      labelNames: ['direction'],
      registers: [this.#registry],
      collect() {
        this.reset()
        for (const [direction, count] of Object.entries(current())) this.inc({ direction }, count)
      },
    })
  }

  #gauge<Label extends string>(
    name: string,
    help: string,
    labelNames: readonly Label[],
    collect: (gauge: Gauge<Label>) => void,
  ): void {
    new Gauge({
      name: PREFIX + name,
      help,
      labelNames,
      registers: [this.#registry],
      collect() {
        collect(this)
      },
    })
  }

  #counter<Label extends string>(name: string, help: string, labelNames: readonly Label[]): Counter<Label> {
    return new Counter({ name: PREFIX + name, help, labelNames, registers: [this.#registry] })
  }

  #histogram<Label extends string>(
    name: string,
    help: string,
    labelNames: readonly Label[],
    buckets: number[],
  ): Histogram<Label> {
    return new Histogram({ name: PREFIX + name, help, labelNames, buckets, registers: [this.#registry] })
  }
}
