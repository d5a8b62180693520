import { VoiceError, type VoiceErrorCode } from '../errors.ts'

const DENIED_BY_SYSTEM =
  'Allow the microphone for the browser in the privacy settings of the operating system'

/** @returns What a rejection of `getUserMedia` means for the user. */
export function microphoneError(cause: unknown): VoiceError {
  const { name, message } = cause instanceof Error ? cause : { name: 'unknown error', message: '' }
  return new VoiceError(codeOf(name, message), `Cannot open the microphone: ${name}`, {
    phase: 'microphone',
    cause,
    // Chromium's words, where the operating system and not the user says no.
    ...(/denied by system/i.test(message) && { hint: DENIED_BY_SYSTEM }),
  })
}

function codeOf(name: string, message: string): VoiceErrorCode {
  switch (name) {
    case 'NotAllowedError':
    case 'SecurityError':
      if (!isAllowedByPolicy()) return 'microphone-blocked'
      // Only Chromium tells, and only in words: its permission stays `prompt`, as elsewhere after a denial too.
      return /dismissed/i.test(message) ? 'microphone-dismissed' : 'microphone-denied'
    case 'NotFoundError':
    case 'OverconstrainedError':
      return 'microphone-not-found'
    case 'NotReadableError':
    case 'AbortError':
      return 'microphone-in-use'
    default:
      return 'audio-failed'
  }
}

interface FeaturePolicy {
  allowsFeature(name: string): boolean
}

/** True where the browser cannot tell. */
function isAllowedByPolicy(): boolean {
  const { permissionsPolicy, featurePolicy } = document as Document & {
    permissionsPolicy?: FeaturePolicy
    featurePolicy?: FeaturePolicy
  }
  return (permissionsPolicy ?? featurePolicy)?.allowsFeature('microphone') ?? true
}
