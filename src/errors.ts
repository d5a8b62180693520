/**
 * Everything that can go wrong, as a program sees it.
 *
 * | code | what happened |
 * |---|---|
 * | `insecure-context` | The page is not served over HTTPS or from localhost, so there is no microphone |
 * | `microphone-denied` | The user, or an earlier answer, refused the microphone |
 * | `microphone-dismissed` | The permission prompt was closed without an answer |
 * | `microphone-blocked` | The embedding page's Permissions Policy forbids the microphone |
 * | `microphone-not-found` | No device, or none that meets the constraints |
 * | `microphone-in-use` | The device exists but another program or the system holds it |
 * | `microphone-ended` | The device went away in mid-session |
 * | `audio-unsupported` | The browser has no AudioWorklet |
 * | `worklet-blocked` | The worklet's script could not be loaded (CSP, or a wrong path) |
 * | `audio-failed` | The audio engine stopped with an error |
 * | `token-failed` | The token could not be fetched after all attempts |
 * | `token-rejected` | The token endpoint refused (4xx) |
 * | `unauthorized` | The provider or relay refused the key or token |
 * | `forbidden` | The relay refused the page's origin |
 * | `connection-failed` | The connection could not be opened |
 * | `connection-lost` | The connection dropped and all attempts to restore it failed |
 * | `connection-closed` | The server ended the session with a code that is not retried |
 * | `ready-timeout` | The connection opened but the agent did not become ready in time |
 * | `configuration-rejected` | The provider refused the session's settings |
 * | `rate-limited` | Too many requests or sessions |
 * | `quota-exceeded` | The account has no credit left |
 * | `model-not-found` | The model does not exist or the account may not use it |
 * | `session-expired` | The provider's limit on the length of a session was reached |
 * | `provider-error` | The provider failed for a reason of its own |
 * | `protocol-error` | A message was not what the protocol allows |
 */
export type VoiceErrorCode =
  | 'insecure-context'
  | 'microphone-denied'
  | 'microphone-dismissed'
  | 'microphone-blocked'
  | 'microphone-not-found'
  | 'microphone-in-use'
  | 'microphone-ended'
  | 'audio-unsupported'
  | 'worklet-blocked'
  | 'audio-failed'
  | 'token-failed'
  | 'token-rejected'
  | 'unauthorized'
  | 'forbidden'
  | 'connection-failed'
  | 'connection-lost'
  | 'connection-closed'
  | 'ready-timeout'
  | 'configuration-rejected'
  | 'rate-limited'
  | 'quota-exceeded'
  | 'model-not-found'
  | 'session-expired'
  | 'provider-error'
  | 'protocol-error'

/** The part of a session in which an error arose. */
export type VoicePhase = 'microphone' | 'audio' | 'token' | 'connect' | 'session'

export interface VoiceErrorOptions {
  phase: VoicePhase
  /** What the user or developer can do about it, as one sentence. */
  hint: string
  /** Whether the same call may succeed later without a change; default false. */
  retryable?: boolean
  /** The error, event or provider message behind this one. */
  cause?: unknown
  /** The WebSocket close code, where a close was the reason. */
  closeCode?: number
}

/** What a user of the library must handle. Misuse throws `TypeError`, `RangeError` or `DOMException` instead. */
export class VoiceError extends Error {
  override readonly name = 'VoiceError'
  readonly code: VoiceErrorCode
  readonly phase: VoicePhase
  readonly retryable: boolean
  readonly hint: string
  readonly closeCode: number | null

  constructor(code: VoiceErrorCode, message: string, options: VoiceErrorOptions) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.code = code
    this.phase = options.phase
    this.retryable = options.retryable ?? false
    this.hint = options.hint
    this.closeCode = options.closeCode ?? null
  }
}
