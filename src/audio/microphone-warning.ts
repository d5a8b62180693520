import type { VoiceError, VoiceErrorCode } from '../errors.ts'
import type { VoiceWarning } from '../events.ts'
import { microphoneEnded } from './audio-error.ts'

/** What the user or the system forbids, so that another device would be refused as well. */
const REFUSALS: readonly VoiceErrorCode[] = [
  'microphone-denied',
  'microphone-denied-by-system',
  'microphone-dismissed',
  'microphone-blocked',
]

/** @returns Whether no device at all may be used. */
export function isRefusal(error: VoiceError): boolean {
  return REFUSALS.includes(error.code)
}

/** @returns What it means in mid-session that no device can be had. */
export function lost(error: VoiceError): VoiceError {
  return isRefusal(error) ? error : microphoneEnded()
}

/** @param label Of the device that is on now. */
export function replaced(label: string): VoiceWarning {
  return {
    code: 'microphone-replaced',
    message: `The microphone went away: ${label || 'the default one'} is used instead`,
    hint: 'Choose another one where this is not the right one',
  }
}

export const SYSTEM_MUTED: VoiceWarning = {
  code: 'microphone-muted',
  message: 'The system or the device itself has muted the microphone',
  hint: "Look for the headset's switch, a key of the keyboard, or another call",
}

export const SILENT: VoiceWarning = {
  code: 'microphone-silent',
  message: 'The microphone gives nothing but zeros',
  hint: 'Look whether it is switched off, or choose another one',
}

export const RESTARTED: VoiceWarning = {
  code: 'capture-restarted',
  message: 'The capture worklet failed and was started again',
  hint: '',
}

/** @returns The failure as a warning. */
export function asWarning({ code, message, hint }: VoiceError): VoiceWarning {
  return { code, message, hint }
}
