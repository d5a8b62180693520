/** How one channel of sound is written as bytes: 16-bit signed little-endian, or G.711. */
export type AudioEncoding = 'pcm16' | 'mulaw' | 'alaw'

/** Sound as a provider sends or expects it: always one channel. */
export interface AudioFormat {
  readonly encoding: AudioEncoding
  /** Samples per second, in Hz. */
  readonly sampleRate: number
}

/** Bytes that one sample takes: 2 for `pcm16`, 1 for G.711. */
export function bytesPerSample(encoding: AudioEncoding): 1 | 2 {
  return encoding === 'pcm16' ? 2 : 1
}

/** What was really granted of a microphone; what the browser does not tell is left out. */
export interface MicrophoneSettings {
  /** As `enumerateDevices` names it. */
  readonly deviceId?: string
  /** As the user knows it. */
  readonly label: string
  /** In Hz; what the device claims. */
  readonly sampleRate?: number
  readonly channelCount?: number
  readonly echoCancellation?: boolean
  readonly noiseSuppression?: boolean
  readonly autoGainControl?: boolean
}
