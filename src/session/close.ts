import { VoiceError, type VoiceErrorCode } from '../errors.ts'
import type { CloseInfo } from '../transport/reconnecting-websocket.ts'

/**
 * Closes after which a new connection may go on: going away, no code, abnormal, server error, restart, try
 * later, bad gateway. Everything else says that the same again will fail again.
 *
 * @see https://www.iana.org/assignments/websocket/websocket.xhtml#close-code-number
 */
const RETRYABLE = new Set([1001, 1005, 1006, 1011, 1012, 1013, 1014])

/** What the codes mean that relays and providers use for more than the end of a line. */
const CODES: Readonly<Record<number, VoiceErrorCode>> = {
  1008: 'unauthorized',
  3000: 'unauthorized',
  4401: 'unauthorized',
  4403: 'forbidden',
  4429: 'rate-limited',
}

export function isFatalClose(code: number): boolean {
  return !RETRYABLE.has(code)
}

/** @returns What a user is told of a connection that ended without an error message of its own. */
export function closeError({ code, reason, opened }: CloseInfo, wasReady: boolean): VoiceError {
  const known = CODES[code] ?? (isFatalClose(code) ? 'connection-closed' : 'connection-lost')
  const text = wasReady ? 'The connection ended' : 'The connection could not be made'
  return new VoiceError(
    opened ? known : 'connection-failed',
    `${text} (${reason ? `${code} ${reason}` : code})`,
    {
      phase: wasReady ? 'session' : 'connect',
      closeCode: code,
    },
  )
}
