import { VoiceError, type VoiceErrorCode } from '../errors.ts'
import { type JsonObject, stringField } from '../util/json.ts'
import type { ProviderEvent } from './provider.ts'

/** By the `code` of an `error` event: the code of ours, and whether the session cannot go on. */
const CODES: Readonly<Record<string, readonly [code: VoiceErrorCode, fatal?: boolean]>> = {
  invalid_api_key: ['unauthorized', true],
  beta_api_shape_disabled: ['configuration-rejected', true],
  model_not_found: ['model-not-found', true],
  insufficient_quota: ['quota-exceeded', true],
  account_deactivated: ['quota-exceeded', true],
  session_expired: ['session-expired', true],
  rate_limit_exceeded: ['rate-limited'],
  missing_required_parameter: ['configuration-rejected'],
  unknown_parameter: ['configuration-rejected'],
  invalid_type: ['configuration-rejected'],
  invalid_value: ['configuration-rejected'],
  cannot_update_voice: ['configuration-rejected'],
}

/** Whether an error only says that two messages crossed on the way. */
export function isBenign(code: string): boolean {
  return /^(conversation_already_has_active_response|response_cancel_not_active|input_audio_buffer_commit_empty|item_(truncate|retrieve|delete)_.*)$/.test(
    code,
  )
}

/**
 * @param error The `error` object of the event.
 * @param options.duringSetup Before the session is configured every refusal is fatal: the agent would run
 *   with the provider's defaults instead of its own instructions.
 */
export function openAIError(
  error: JsonObject,
  { duringSetup }: { duringSetup: boolean },
): Extract<ProviderEvent, { type: 'error' }> {
  const own = stringField(error, 'code') || stringField(error, 'type')
  const known = Object.hasOwn(CODES, own) ? CODES[own] : undefined
  const [code, fatal = duringSetup] = known ?? ['provider-error']
  const param = stringField(error, 'param')
  const message = stringField(error, 'message') || 'The provider reported an error'
  return {
    type: 'error',
    fatal,
    error: new VoiceError(code, param ? `${message} (${param})` : message, {
      phase: duringSetup ? 'connect' : 'session',
      ...(own === 'server_error' && { retryable: true }),
      cause: error,
    }),
  }
}
