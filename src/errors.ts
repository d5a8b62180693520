/**
 * Everything that can go wrong, as a program sees it.
 *
 * | code | what happened |
 * |---|---|
 * | `insecure-context` | The page is not served over HTTPS or from localhost, so there is no microphone |
 * | `microphone-denied` | The user, or an earlier answer, refused the microphone |
 * | `microphone-denied-by-system` | The operating system keeps the microphone from the browser |
 * | `microphone-dismissed` | The permission prompt was closed without an answer |
 * | `microphone-blocked` | The embedding page's Permissions Policy forbids the microphone |
 * | `microphone-not-found` | No device, or none that meets the constraints |
 * | `microphone-in-use` | The device exists but another program or the system holds it |
 * | `microphone-ended` | The device, or the stream in its place, went away |
 * | `microphone-rate-unsupported` | The browser cannot join the device's sample rate to that of the speaker |
 * | `audio-unsupported` | The browser has no AudioWorklet |
 * | `worklet-blocked` | The worklet's script could not be loaded (CSP, or a wrong path) |
 * | `audio-failed` | The audio engine stopped with an error |
 * | `output-device-unsupported` | The browser cannot choose an output device |
 * | `output-device-not-found` | The chosen output device is not there |
 * | `output-device-denied` | The page may not use the chosen output device |
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
 * | `idle-timeout` | Nobody said anything for `idleTimeoutMs` |
 * | `duration-limit` | The conversation has lasted `maxDurationMs` |
 * | `provider-error` | The provider failed for a reason of its own |
 * | `protocol-error` | A message was not what the protocol allows |
 */
export type VoiceErrorCode =
  | 'insecure-context'
  | 'microphone-denied'
  | 'microphone-denied-by-system'
  | 'microphone-dismissed'
  | 'microphone-blocked'
  | 'microphone-not-found'
  | 'microphone-in-use'
  | 'microphone-ended'
  | 'microphone-rate-unsupported'
  | 'audio-unsupported'
  | 'worklet-blocked'
  | 'audio-failed'
  | 'output-device-unsupported'
  | 'output-device-not-found'
  | 'output-device-denied'
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
  | 'idle-timeout'
  | 'duration-limit'
  | 'provider-error'
  | 'protocol-error'

/** The part of a session in which an error arose. */
export type VoicePhase = 'microphone' | 'audio' | 'token' | 'connect' | 'session'

/** Where a code arises, what to do about it, and whether the same call may succeed later without a change. */
const KINDS: Readonly<
  Record<VoiceErrorCode, readonly [phase: VoicePhase, hint: string, retryable?: boolean]>
> = {
  'insecure-context': ['microphone', 'Serve the page over HTTPS or from localhost'],
  'microphone-denied': [
    'microphone',
    'Allow the microphone for this site in the browser, beside the address',
  ],
  'microphone-denied-by-system': [
    'microphone',
    'Allow the microphone for the browser in the privacy settings of the operating system',
  ],
  'microphone-dismissed': ['microphone', 'Choose Allow when the browser asks for the microphone', true],
  'microphone-blocked': ['microphone', 'Let the embedding page allow it: <iframe allow="microphone">'],
  'microphone-not-found': ['microphone', 'Connect a microphone or choose another one'],
  'microphone-in-use': ['microphone', 'Close other programs that use the microphone', true],
  'microphone-ended': ['microphone', 'Connect the microphone again or choose another one', true],
  'microphone-rate-unsupported': [
    'microphone',
    'Give microphone and speaker the same sample rate in the settings of the system, or choose another microphone',
  ],
  'audio-unsupported': [
    'audio',
    'Serve the page over HTTPS or from localhost, and use a browser of 2021 or later',
  ],
  'worklet-blocked': [
    'audio',
    "Serve voicewire/worklets/ from the page's origin, name the files in workletUrls, and allow them in the CSP (script-src 'self')",
  ],
  'audio-failed': ['audio', 'Start again; if it persists, reload the page', true],
  'output-device-unsupported': ['audio', 'Choose the device in the settings of the operating system'],
  'output-device-not-found': ['audio', 'Connect the device or choose another one'],
  'output-device-denied': [
    'audio',
    'Let the user choose the device with navigator.mediaDevices.selectAudioOutput()',
  ],
  'token-failed': ['token', 'Check the network and that the token endpoint is running', true],
  'token-rejected': ['token', 'Sign in again, or check that this page may ask for tokens'],
  unauthorized: ['connect', 'Check the key, or that getToken returns a fresh token'],
  forbidden: [
    'connect',
    "Add this page's origin to the relay's ALLOWED_ORIGINS, and check what the ticket allows",
  ],
  'connection-failed': ['connect', 'Check the network and the address', true],
  'connection-lost': ['session', 'Check the network, then start again', true],
  'connection-closed': ['session', 'The close code and reason say what the server objects to'],
  'ready-timeout': ['connect', 'Check that the address is that of the chosen provider', true],
  'configuration-rejected': ['connect', 'Correct the field that the message names'],
  'rate-limited': ['connect', 'Wait before the next try', true],
  'quota-exceeded': ['session', "Check the plan and billing of the provider's account"],
  'model-not-found': ['connect', 'Choose a model that the account may use'],
  'session-expired': ['session', 'A new session continues the conversation', true],
  'idle-timeout': ['session', 'Start again to go on', true],
  'duration-limit': ['session', 'Start again to go on', true],
  'provider-error': ['session', 'Try again; if it persists, report it to the provider'],
  'protocol-error': ['session', 'Report it with the message'],
}

export interface VoiceErrorOptions {
  /** Default: where the code usually arises. */
  phase?: VoicePhase
  /** What the user or developer can do about it, as one sentence; default: what usually helps. */
  hint?: string
  /** Whether the same call may succeed later without a change; default: what is usual for the code. */
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

  constructor(code: VoiceErrorCode, message: string, options: VoiceErrorOptions = {}) {
    super(message, options)
    const [phase, hint, retryable = false] = KINDS[code]
    this.code = code
    this.phase = options.phase ?? phase
    this.hint = options.hint ?? hint
    this.retryable = options.retryable ?? retryable
    this.closeCode = options.closeCode ?? null
  }
}
