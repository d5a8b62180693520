import { randomBytes, randomUUID } from 'node:crypto'
import { Writable } from 'node:stream'
import type { TestContext } from 'node:test'
import { pino } from 'pino'
import {
  createRelay,
  issueTicket,
  type Relay,
  type RelayOptions,
  type TicketClaims,
} from '../../src/index.ts'
import { Upstream } from './peers.ts'
import { recordAnswers, recordOutput, registerSecrets, registerSecretsOf } from './secrets.ts'

export const ORIGIN = 'https://app.example'

/** A relay of its own for one test, its secrets, its log, and a provider behind it. */
export interface Setup {
  readonly relay: Relay
  readonly url: string
  readonly upstream: Upstream
  readonly key: string
  readonly secret: string
  /** All log lines so far. */
  readonly log: () => string
  readonly logged: (message: string) => Promise<Record<string, unknown>>
  /** Waits until so many sessions have ended; `relay.sessions` then shows whether any is left. */
  readonly ended: (sessions: number) => Promise<void>
  readonly ticket: (claims?: Partial<TicketClaims>) => Promise<string>
  /** A header that lets one client in. */
  readonly authorization: (claims?: Partial<TicketClaims>) => Promise<Record<string, string>>
}

/** Starts relay and provider; both are closed when the test is over. */
export async function setUp(
  t: TestContext,
  options: Partial<RelayOptions> & { readonly upstreamUrl?: string } = {},
): Promise<Setup> {
  const { upstreamUrl, ...rest } = options
  const upstream = await Upstream.start(t)
  const key = `key-${randomUUID()}`
  const secret = randomBytes(32).toString('base64')
  const url = upstreamUrl ?? upstream.url
  const log = new LogLines()
  const relay = createRelay({
    openai: { apiKey: key, url },
    deepgram: { apiKey: key, url, agentUrl: url },
    tickets: { secret },
    allowedOrigins: [ORIGIN],
    rateLimit: 0,
    maxConnectionsPerUser: 0,
    maxBytesPerSecond: 0,
    production: true,
    logger: pino({ base: null }, log),
    ...rest,
  })
  registerSecrets(key, secret)
  registerSecretsOf(rest)
  const address = await relay.listen()
  recordAnswers(t, address)
  t.after(() => relay.close())
  const ticket = async (claims: Partial<TicketClaims> = {}) => {
    const { token } = await issueTicket({ user: 'user-1', ...claims }, { secret })
    registerSecrets(token)
    return token
  }
  return {
    relay,
    url: address,
    upstream,
    key,
    secret,
    log: () => log.text,
    logged: (message) => log.find(message).then((entries) => entries[0]!),
    ended: async (sessions) => void (await log.find('session ended', sessions)),
    ticket,
    authorization: async (claims) => ({ Authorization: `Bearer ${await ticket(claims)}` }),
  }
}

/** A log that can be read. */
export class LogLines extends Writable {
  text = ''
  #waiting: (() => void)[] = []

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString()
    recordOutput('log', chunk.toString())
    for (const wake of this.#waiting.splice(0)) wake()
    done()
  }

  /** The lines with this message, as soon as there are so many. */
  async find(message: string, count = 1): Promise<Record<string, unknown>[]> {
    for (;;) {
      const lines = this.text.split('\n').filter(Boolean)
      const entries = lines.map((line) => JSON.parse(line) as Record<string, unknown>)
      const found = entries.filter((entry) => entry['msg'] === message)
      if (found.length >= count) return found
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
  }
}
