import { VoiceError } from '../errors.ts'

/** @returns What an exception in a worklet means: that it will not be heard of again. */
export function workletFailed(cause: unknown): VoiceError {
  return new VoiceError('audio-failed', 'The audio worklet failed', { cause })
}

/** @returns What the lack of an API means that only secure pages have. */
export function insecureContext(api: string): VoiceError {
  return new VoiceError('insecure-context', `Cannot use audio as the page must be secure: ${api} is missing`)
}

/** @returns What it means that a track has ended by itself. */
export function microphoneEnded(): VoiceError {
  return new VoiceError('microphone-ended', 'The microphone went away')
}
