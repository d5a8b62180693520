import { isIP } from 'node:net'
import { type Logger, pino } from 'pino'
import { isOrigin } from './origins.ts'
import { StdoutLines } from './stdout-lines.ts'

/** What the relay needs of a logger; pino is one. With `child` the audit log can be told apart. */
export type RelayLogger = Pick<Logger, 'info' | 'warn'> & Partial<Pick<Logger, 'child'>>

/** Whether a value may be logged in a field. */
type Check = (value: unknown) => boolean

const text = (pattern: RegExp): Check => {
  return (value) => typeof value === 'string' && pattern.test(value)
}
const word = text(/^[a-z][a-z_]{0,39}$/)
const number: Check = (value) => typeof value === 'number' && Number.isFinite(value)
const count: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0
const origin: Check = (value) =>
  value === 'null' || (typeof value === 'string' && value.length <= 256 && isOrigin(value))

/**
 * Every field that a log line may have, and what may be in it; null may be in all of them. Whatever else is
 * passed to a logger stays inside: a field is added here before it can be logged.
 */
const FIELDS: Readonly<Record<string, Check>> = {
  // Who and where
  id: text(/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/),
  user: text(/^[\da-f]{16}$/),
  path: text(/^\/v[12]\/(realtime|agent\/converse|listen)$/),
  provider: word,
  origin,
  address: (value) => typeof value === 'string' && isIP(value.replace(/\/64$/, '')) !== 0,
  sessionId: text(/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/),
  // What happened
  log: word,
  event: word,
  mode: word,
  key: text(/^(ip|user)$/),
  code: word,
  endedBy: word,
  tool: text(/^[\w-]{1,64}$/),
  function: text(/^[\w-]{1,64}$/),
  error: text(/^[A-Za-z_]{1,60}$/),
  // A ticket's id, where it is a UUID as in all that are issued here.
  ticket: text(/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/),
  status: count,
  upstreamStatus: count,
  clientCloseCode: count,
  upstreamCloseCode: count,
  // How much and how long
  sessions: count,
  port: count,
  at: number,
  durationMs: number,
  connectMs: number,
  bytesUp: count,
  bytesDown: count,
  messagesUp: count,
  messagesDown: count,
}

/** Plain words: what carries a key, a ticket, a URL or an id has digits, dots or signs, or is longer. */
const MESSAGE = /^[A-Za-z]{1,20}(?:[,:]? [A-Za-z]{1,20}){0,23}$/

/**
 * Puts the allow-list in front of a logger: only known fields with values of their kind get through, and a message
 * of plain words. A logger that throws ends nothing.
 */
export function allowListed(logger: RelayLogger): RelayLogger {
  const line = (level: 'info' | 'warn') => (first: unknown, second?: unknown) => {
    const message = messageOf(typeof first === 'string' ? first : second)
    try {
      if (typeof first === 'string') logger[level](message)
      else logger[level](allowedFields(first), message)
    } catch {
      // There is nowhere left to say so, and a session is worth more than its line.
    }
  }
  const safe = {
    info: line('info'),
    warn: line('warn'),
    ...(logger.child && {
      child: (bindings: object) => allowListed(logger.child!(allowedFields(bindings))),
    }),
  }
  return safe as unknown as RelayLogger // pino's own types also know arguments that are dropped here
}

let stdout: StdoutLines | null = null

/** JSON lines on standard output. What cannot be written there is dropped, and ends nothing. */
export function logToStdout(level = 'info'): RelayLogger {
  stdout ??= new StdoutLines()
  return pino({ level, base: null }, stdout)
}

/** The fields that may be logged. An error is logged by its name: its message could hold anything. */
export function allowedFields(given: unknown): Record<string, unknown> {
  if (given instanceof Error) return allowedFields({ error: given.name })
  if (typeof given !== 'object' || given === null) return {}
  return Object.fromEntries(
    Object.entries(given).filter(([name, value]) => {
      return Object.hasOwn(FIELDS, name) && (value === null || FIELDS[name]!(value))
    }),
  )
}

function messageOf(message: unknown): string {
  return typeof message === 'string' && MESSAGE.test(message) ? message : 'message withheld'
}
