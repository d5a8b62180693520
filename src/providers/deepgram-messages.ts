import { VoiceError, type VoiceErrorCode } from '../errors.ts'
import { type JsonObject, stringField } from '../util/json.ts'
import type { ProviderEvent } from './provider.ts'
import { relayError } from './relay-errors.ts'

/** Failures of Deepgram's own after which a new connection can go on with the conversation. */
const RETRYABLE = new Set([
  'INTERNAL_SERVER_ERROR',
  'FAILED_TO_START_LISTENING',
  'ASR_CONNECTION_CLOSED',
  'ASR_DRIVER_TIMEOUT',
  'SERVER_GOING_AWAY',
  'CLIENT_MESSAGE_TIMEOUT',
  'MAXIMUM_SESSION_LENGTH_REACHED',
])

const CODES: Readonly<Record<string, VoiceErrorCode>> = {
  INVALID_SETTINGS: 'configuration-rejected',
  AGENT_ID_NOT_SUPPORTED: 'configuration-rejected',
  INVALID_AGENT_ID: 'configuration-rejected',
  USER_AUDIO_FORMAT: 'configuration-rejected',
  MAXIMUM_SESSION_LENGTH_REACHED: 'session-expired',
  UNPARSABLE_CLIENT_MESSAGE: 'protocol-error',
  NON_SETTINGS_MESSAGE_BEFORE_SETTINGS: 'protocol-error',
  SETTINGS_ALREADY_APPLIED: 'protocol-error',
}

/** What text means that no message of Deepgram's is in. */
export const UNREADABLE: ProviderEvent<never> = {
  type: 'warning',
  code: 'unreadable-message',
  message: 'The server sent a message that is not a JSON object',
}

/** @returns What a `Warning` means. */
export function deepgramWarning(event: JsonObject): ProviderEvent<never> {
  return { type: 'warning', code: stringField(event, 'code'), message: stringField(event, 'description') }
}

/** @returns What an `Error` means, Deepgram's or a relay's: it ends the session, or only this connection. */
export function deepgramError(event: JsonObject): ProviderEvent<never> {
  const code = stringField(event, 'code')
  const description = stringField(event, 'description')
  const known = Object.hasOwn(CODES, code) ? CODES[code] : undefined
  return (
    relayError(code, description) ?? {
      type: 'error',
      fatal: true,
      error: rejection(event, known ?? 'provider-error', RETRYABLE.has(code)),
    }
  )
}

/** @returns What `code` and `description` of a message say, as an error. */
export function rejection(event: JsonObject, known: VoiceErrorCode, retryable = false): VoiceError {
  const code = stringField(event, 'code')
  const description = stringField(event, 'description') || 'The provider reported an error'
  return new VoiceError(known, code ? `${description} (${code})` : description, {
    phase: 'session',
    retryable,
    cause: event,
  })
}
