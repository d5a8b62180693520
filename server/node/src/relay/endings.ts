import type { RelayCode } from '../codes.ts'
import type { Close } from './close-codes.ts'
import type { DialError } from './dial.ts'
import type { Violation } from './message-walker.ts'

/** How a session ends that neither side has closed. */
export interface Ending {
  /** Why, for the log and for the error message that the client gets. */
  readonly code: RelayCode
  /** One sentence for the developer. */
  readonly message: string
  /** What the client is closed with. */
  readonly client: Close
  /** What the provider is closed with. */
  readonly upstream: Close
  readonly endedBy: 'upstream' | 'relay'
}

const GOING_AWAY: Close = { code: 1001, reason: '' }

const VIOLATION_CODES: Readonly<Record<Violation['code'], RelayCode>> = {
  1002: 'protocol_error',
  1007: 'protocol_error',
  1008: 'too_many_fragments',
  1009: 'message_too_big',
}

/** The relay ends it. */
export function byRelay(code: RelayCode, closeCode: number, message: string): Ending {
  return { code, message, client: { code: closeCode, reason: code }, upstream: GOING_AWAY, endedBy: 'relay' }
}

/** The client broke the protocol or a bound. */
export function byViolation({ code, message }: Violation): Ending {
  return byRelay(VIOLATION_CODES[code], code, message)
}

/** The provider did not take the handshake. */
export function byRefusal({ code, closeCode, message }: DialError): Ending {
  return byRelay(code, closeCode, message)
}

/** The provider broke the protocol. */
export const UPSTREAM_VIOLATION: Ending = {
  ...byRelay('upstream_protocol_error', 1011, 'The provider broke the protocol'),
  upstream: { code: 1002, reason: '' },
}

/** The provider's connection ended without a close. */
export const UPSTREAM_LOST: Ending = {
  ...byRelay('upstream_lost', 1011, 'The connection to the provider was lost'),
  endedBy: 'upstream',
}
