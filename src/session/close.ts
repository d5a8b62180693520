import { VoiceError, type VoiceErrorCode } from '../errors.ts'
import type { CloseInfo } from '../transport/reconnecting-websocket.ts'

/**
 * Closes after which a new connection may go on: going away, no code, abnormal, server error, restart, try
 * later, bad gateway. Everything else says that the same again will fail again.
 *
 * @see https://www.iana.org/assignments/websocket/websocket.xhtml#close-code-number
 */
const RETRYABLE = new Set([1001, 1005, 1006, 1011, 1012, 1013, 1014])

/** What the codes of the application range mean, where a relay or provider uses them. */
const CODES: Readonly<Record<number, readonly [VoiceErrorCode, string]>> = {
  3000: ['unauthorized', 'Check the API key or fetch a new token'],
  4401: ['unauthorized', 'Check that the relay accepts this ticket'],
  4403: ['forbidden', 'Add this page’s origin to the relay’s ALLOWED_ORIGINS'],
  4429: ['rate-limited', 'Wait before the next try'],
  1008: ['unauthorized', 'Check the token and what the server allows'],
}

export function isFatalClose(code: number): boolean {
  return !RETRYABLE.has(code)
}

/** @returns What a user is told of a connection that ended without an error message of its own. */
export function closeError(close: CloseInfo, wasReady: boolean): VoiceError {
  const detail = close.reason ? `${close.code} ${close.reason}` : `${close.code}`
  const known = CODES[close.code]
  const retryable = !isFatalClose(close.code)
  const code =
    known?.[0] ?? (close.opened ? (retryable ? 'connection-lost' : 'connection-closed') : 'connection-failed')
  const text = wasReady ? 'The connection ended' : 'The connection could not be made'
  return new VoiceError(code, `${text} (${detail})`, {
    phase: wasReady ? 'session' : 'connect',
    hint: known?.[1] ?? 'Check the network and the address, then start again',
    retryable,
    closeCode: close.code,
  })
}
