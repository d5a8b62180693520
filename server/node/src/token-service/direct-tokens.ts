import { z } from 'zod'
import { hashUser } from '../auth.ts'
import { Refusal, type RelayCode } from '../codes.ts'
import type { RelayLogger } from '../log.ts'
import type { DeepgramOptions, OpenAIOptions } from '../provider-options.ts'
import type { ProviderName } from '../relay/routes.ts'
import type { IssuedTicket, TicketClaims } from '../tokens.ts'
import { baseUrl, DEFAULT_URLS } from '../upstreams.ts'
import { textField } from './json-body.ts'
import type { ProviderHealth } from './provider-health.ts'

/** Who may talk to a provider without the relay. */
export interface DirectOptions {
  /** Ephemeral secrets of OpenAI. `session` is in each: its `type`, `model`, `instructions`, `tools`… */
  readonly openai?: { readonly session: Readonly<Record<string, unknown>> }
  /** Temporary tokens of Deepgram, which open whatever the key may open. */
  readonly deepgram?: boolean
  /** For the provider's answer, a second attempt included, in ms; default 10,000. */
  readonly timeoutMs?: number
  /** Default the global `fetch`. */
  readonly fetch?: typeof fetch
}

export interface DirectTokensOptions {
  readonly openai?: OpenAIOptions | undefined
  readonly deepgram?: DeepgramOptions | undefined
  readonly direct: DirectOptions
  /** How long a token should be good, in ms. OpenAI takes no less than 10 s. */
  readonly durationMs: number
  /** Gets the status of each refusal, and nothing else of it. */
  readonly logger: RelayLogger
}

/** What a provider is asked, and how its answer is read. */
interface Exchange {
  readonly provider: ProviderName
  readonly url: string
  readonly key: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: object
  /** @returns null where the answer is not what it must be. */
  readonly read: (answer: unknown, sentAt: number) => { token: string; expiresAt: number } | null
}

const LEAST_OPENAI_SECONDS = 10
/** Nothing honest is longer. */
const MOST_TOKEN_CHARACTERS = 8192

const tokenText = textField(MOST_TOKEN_CHARACTERS)
const openaiAnswer = z.object({ value: tokenText })
const deepgramAnswer = z.object({ access_token: tokenText, expires_in: z.number().positive() })

/** Has the providers issue short-lived tokens. Whatever fails, nothing of the provider's answer is passed on. */
export class DirectTokens {
  readonly #options: DirectTokensOptions
  readonly #health: ProviderHealth
  readonly #urls: Readonly<Record<ProviderName, string>>
  /** The providers it is enabled for. */
  readonly providers: readonly ProviderName[]

  /** @throws {TypeError} Where a provider is enabled that has no key. */
  constructor(options: DirectTokensOptions, health: ProviderHealth) {
    this.#options = options
    this.#health = health
    this.#urls = {
      openai: baseUrl(options.openai?.url ?? DEFAULT_URLS.openai),
      deepgram: baseUrl(options.deepgram?.url ?? DEFAULT_URLS.deepgram),
    }
    const { openai, deepgram = false } = options.direct
    this.providers = [...(openai ? ['openai' as const] : []), ...(deepgram ? ['deepgram' as const] : [])]
    for (const provider of this.providers) {
      if ((options[provider]?.apiKey ?? '') !== '') continue
      throw new TypeError(`Cannot issue direct tokens as ${provider}.apiKey must be given`)
    }
  }

  /**
   * Has a provider issue one token.
   *
   * @throws {Refusal} 403 where the user may not have it; 502 where the provider does not give it.
   */
  async mint(provider: ProviderName, claims: TicketClaims): Promise<IssuedTicket> {
    const exchange = provider === 'openai' ? this.#openai(claims) : this.#deepgram(claims)
    try {
      const issued = await this.#ask(exchange)
      this.#health.record(provider, null)
      return issued
    } catch (error) {
      const refusal = error instanceof Refusal ? error : failure('upstream_unavailable')
      this.#health.record(provider, refusal.code)
      throw refusal
    }
  }

  #openai({ user, model, maxSeconds }: TicketClaims): Exchange {
    const given = this.#options.direct.openai!.session
    if (maxSeconds !== undefined) throw forbidden()
    if (model !== undefined && given['model'] !== undefined && given['model'] !== model) throw forbidden()
    const seconds = Math.max(LEAST_OPENAI_SECONDS, Math.floor(this.#options.durationMs / 1000))
    const session = { type: 'realtime', ...given, ...(model !== undefined && { model }) }
    const key = this.#options.openai!.apiKey
    return {
      provider: 'openai',
      url: `${this.#urls.openai}/v1/realtime/client_secrets`,
      key,
      headers: { Authorization: `Bearer ${key}`, 'OpenAI-Safety-Identifier': hashUser(user) },
      body: { expires_after: { anchor: 'created_at', seconds }, session },
      read: (answer, sentAt) => {
        const { data } = openaiAnswer.safeParse(answer)
        // By our own clock: the provider's `expires_at` is by another one.
        return data === undefined ? null : { token: data.value, expiresAt: sentAt + seconds * 1000 }
      },
    }
  }

  #deepgram({ model, maxSeconds }: TicketClaims): Exchange {
    if (maxSeconds !== undefined || model !== undefined) throw forbidden()
    const key = this.#options.deepgram!.apiKey
    return {
      provider: 'deepgram',
      url: `${this.#urls.deepgram}/v1/auth/grant`,
      key,
      headers: { Authorization: `Token ${key}` },
      body: { ttl_seconds: Math.floor(this.#options.durationMs / 1000) },
      read: (answer, sentAt) => {
        const { data } = deepgramAnswer.safeParse(answer)
        if (data === undefined) return null
        return { token: data.access_token, expiresAt: sentAt + data.expires_in * 1000 }
      },
    }
  }

  async #ask(exchange: Exchange): Promise<IssuedTicket> {
    const signal = AbortSignal.timeout(this.#options.direct.timeoutMs ?? 10_000)
    const sentAt = Date.now()
    const answer = await this.#attempt(exchange, signal).catch((error: unknown) => {
      // A token that nobody hears of expires unused: where the provider was away, asking twice is safe.
      const again = error instanceof Refusal && error.code === 'upstream_unavailable'
      if (!again || signal.aborted) throw error
      return this.#attempt(exchange, signal)
    })
    const minted = exchange.read(answer, sentAt)
    // Rather no token than one that carries the key.
    if (minted === null || minted.token.includes(exchange.key)) throw failure('upstream_protocol_error')
    return { ...minted, expiresIn: Math.max(1, Math.floor((minted.expiresAt - Date.now()) / 1000)) }
  }

  async #attempt({ provider, url, headers, body }: Exchange, signal: AbortSignal): Promise<unknown> {
    const { fetch: ask = fetch } = this.#options.direct
    let response: Response
    try {
      response = await ask(url, {
        method: 'POST',
        headers: { ...headers, 'Content-Type': 'application/json', 'User-Agent': 'voicewire-relay' },
        body: JSON.stringify(body),
        redirect: 'manual', // the key goes to the configured host only
        signal,
      })
    } catch {
      throw failure(signal.aborted ? 'upstream_timeout' : 'upstream_unavailable') // its message could quote the URL
    }
    const { status } = response
    if (status !== 200) {
      response.body?.cancel().catch(() => {}) // what it would have said is of no use
      this.#options.logger.warn({ provider, status }, 'direct token refused')
      throw failure(codeOfStatus(status))
    }
    try {
      return await response.json()
    } catch {
      throw failure(signal.aborted ? 'upstream_timeout' : 'upstream_protocol_error') // it would quote the answer
    }
  }
}

const MESSAGES = {
  upstream_unauthorized: 'The provider did not accept this service',
  upstream_rate_limited: 'The provider is at its limit',
  upstream_refused: 'The provider refused the session',
  upstream_unavailable: 'The provider cannot be reached or is out of order',
  upstream_timeout: 'The provider did not answer in time',
  upstream_protocol_error: 'The provider did not answer as it must',
} satisfies Partial<Record<RelayCode, string>>

/** When asking again may help: what is wrong with the key or the configuration does not pass. */
const RETRY_SECONDS: Partial<Record<RelayCode, number>> = {
  upstream_rate_limited: 10,
  upstream_unavailable: 5,
  upstream_timeout: 5,
}

function failure(code: keyof typeof MESSAGES): Refusal {
  return new Refusal(502, code, MESSAGES[code], { retryAfterSeconds: RETRY_SECONDS[code] ?? null })
}

function codeOfStatus(status: number): keyof typeof MESSAGES {
  if (status === 401 || status === 403) return 'upstream_unauthorized'
  if (status === 429) return 'upstream_rate_limited'
  return status >= 500 ? 'upstream_unavailable' : 'upstream_refused'
}

/** What the application limits, and the provider's token cannot. */
function forbidden(): Refusal {
  return new Refusal(403, 'direct_forbidden', 'The user may only talk through the relay')
}
