import { VoiceError, type VoiceErrorCode } from '../errors.ts'

/** @returns What a rejection of `getUserMedia` means for the user. */
export function microphoneError(cause: unknown): VoiceError {
  const { name, message } = cause instanceof Error ? cause : { name: 'unknown error', message: '' }
  return new VoiceError(codeOf(name, message), `Cannot open the microphone: ${name}`, {
    phase: 'microphone',
    cause,
  })
}

function codeOf(name: string, message: string): VoiceErrorCode {
  switch (name) {
    case 'NotAllowedError':
    case 'SecurityError':
      if (!isAllowedByPolicy()) return 'microphone-blocked'
      // Only Chromium tells, and only in words: its permission stays `prompt`, as elsewhere after a denial too.
      if (/dismissed/i.test(message)) return 'microphone-dismissed'
      return /denied by system/i.test(message) ? 'microphone-denied-by-system' : 'microphone-denied'
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
