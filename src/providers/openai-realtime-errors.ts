import { VoiceError, type VoiceErrorCode } from '../errors.ts'
import { type JsonObject, stringField } from '../util/json.ts'
import type { ProviderEvent } from './provider.ts'

interface Kind {
  readonly code: VoiceErrorCode
  readonly hint: string
  readonly fatal: boolean
  readonly retryable?: boolean
}

const KEY: Kind = {
  code: 'unauthorized',
  hint: 'Check the API key or fetch a new short-lived token',
  fatal: true,
}
const ACCOUNT: Kind = {
  code: 'quota-exceeded',
  hint: 'Check the plan and billing of the OpenAI account',
  fatal: true,
}
const SETTINGS: Kind = {
  code: 'configuration-rejected',
  hint: 'Correct the field that the message names',
  fatal: false,
}
const OTHER: Kind = {
  code: 'provider-error',
  hint: 'Try again; if it stays, report it with the message',
  fatal: false,
}

/** By the `code` of an `error` event. */
const KINDS: Readonly<Record<string, Kind>> = {
  invalid_api_key: KEY,
  beta_api_shape_disabled: { ...SETTINGS, fatal: true },
  model_not_found: { code: 'model-not-found', hint: 'Choose a model that the account may use', fatal: true },
  insufficient_quota: ACCOUNT,
  account_deactivated: ACCOUNT,
  session_expired: {
    code: 'session-expired',
    hint: 'A new session continues the conversation',
    fatal: true,
    retryable: true,
  },
  rate_limit_exceeded: {
    code: 'rate-limited',
    hint: 'Wait before the next try',
    fatal: false,
    retryable: true,
  },
  missing_required_parameter: SETTINGS,
  unknown_parameter: SETTINGS,
  invalid_type: SETTINGS,
  invalid_value: SETTINGS,
  cannot_update_voice: SETTINGS,
  server_error: { ...OTHER, retryable: true },
}

/** Whether an error only says that two messages crossed on the way. */
export function isBenign(code: string): boolean {
  return (
    code === 'response_cancel_not_active' ||
    code === 'input_audio_buffer_commit_empty' ||
    /^item_(truncate|retrieve|delete)_/.test(code)
  )
}

/**
 * @param error The `error` object of the event.
 * @param options.duringSetup Before the session is configured every refusal is fatal: the agent would run
 *   with the provider's defaults instead of its own instructions.
 */
export function openAIError(error: JsonObject, { duringSetup }: { duringSetup: boolean }): ProviderEvent {
  const kind = KINDS[stringField(error, 'code')] ?? OTHER
  const param = stringField(error, 'param')
  const message = stringField(error, 'message') || 'The provider reported an error'
  return {
    type: 'error',
    fatal: kind.fatal || duringSetup,
    error: new VoiceError(kind.code, param ? `${message} (${param})` : message, {
      phase: duringSetup ? 'connect' : 'session',
      hint: kind.hint,
      retryable: kind.retryable ?? false,
      cause: error,
    }),
  }
}
