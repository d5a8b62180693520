import { VoiceError, type VoiceErrorCode } from '../errors.ts'

const HINTS = {
  'microphone-denied': 'Allow the microphone for this site in the browser, beside the address, and try again',
  'microphone-dismissed': 'Try again and choose Allow when the browser asks for the microphone',
  'microphone-blocked':
    'Let the embedding page allow it: <iframe allow="microphone">, or its Permissions-Policy header',
  'microphone-not-found': 'Connect a microphone, or choose another one, and try again',
  'microphone-in-use': 'Close other programs that use the microphone and try again',
  'audio-failed': 'Reload the page; if it persists, restart the browser',
} satisfies Partial<Record<VoiceErrorCode, string>>

const DENIED_BY_SYSTEM =
  'Allow the microphone for the browser in the privacy settings of the operating system'

/** @returns What a rejection of `getUserMedia` means for the user. */
export function microphoneError(cause: unknown): VoiceError {
  const { name, message } = cause instanceof Error ? cause : { name: '', message: '' }
  const code = codeOf(name, message)
  // Chromium's words, where the operating system and not the user says no.
  const hint = /denied by system/i.test(message) ? DENIED_BY_SYSTEM : HINTS[code]
  const retryable = code === 'microphone-dismissed' || code === 'microphone-in-use'
  return new VoiceError(code, `Cannot open the microphone: ${name || 'unknown error'}`, {
    phase: 'microphone',
    hint,
    retryable,
    cause,
  })
}

function codeOf(name: string, message: string): keyof typeof HINTS {
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
