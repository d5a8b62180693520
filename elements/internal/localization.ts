import type { VoiceErrorCode } from '../../src/index.ts'
import type { RecoveryStrings } from './recovery-strings.ts'

/** Every word that the elements show or speak. */
export interface Strings {
  /** The start button, by what a press does. */
  readonly start: string
  readonly stop: string
  readonly cancel: string
  /** The mute button; pressed or not is told by its state. */
  readonly mute: string
  /** The name of the transcript, and what it shows while it is empty. */
  readonly transcript: string
  readonly empty: string
  readonly user: string
  readonly assistant: string
  readonly interrupted: string
  /** The session's states. */
  readonly closed: string
  readonly connecting: string
  readonly open: string
  readonly reconnecting: string
  readonly closing: string
  /** What the agent does. */
  readonly listening: string
  readonly thinking: string
  readonly speaking: string
  readonly muted: string
  /** A page whose author has to set something first. */
  readonly misconfigured: string
  /** Sentences for errors, by code; an error without one speaks for itself. */
  readonly errors: { readonly [K in VoiceErrorCode]?: string }
  /** What `<voice-recovery>` says; what is left out is English, which is loaded with the element. */
  readonly recovery?: Partial<Omit<RecoveryStrings, 'steps'>> & {
    readonly steps?: Partial<RecoveryStrings['steps']>
  }
}

/** The words of a page that sets none. */
export const ENGLISH: Strings = {
  start: 'Start conversation',
  stop: 'End conversation',
  cancel: 'Cancel',
  mute: 'Mute',
  transcript: 'Conversation',
  empty: 'What you say appears here',
  user: 'You',
  assistant: 'Agent',
  interrupted: 'interrupted',
  closed: 'Ready',
  connecting: 'Connecting…',
  open: 'Connected',
  reconnecting: 'Reconnecting…',
  closing: 'Ending…',
  listening: 'Listening',
  thinking: 'Thinking',
  speaking: 'Speaking',
  muted: 'Microphone muted',
  misconfigured: 'Not set up yet',
  errors: {
    'microphone-denied': 'The microphone is not allowed',
    'microphone-denied-by-system': 'The system does not allow the microphone',
    'microphone-dismissed': 'The microphone is not allowed yet',
    'microphone-blocked': 'This page may not use the microphone',
    'microphone-not-found': 'No microphone was found',
    'microphone-in-use': 'Another program uses the microphone',
    'microphone-ended': 'The microphone was disconnected',
    'token-failed': 'The agent could not sign you in',
    'token-rejected': 'The agent could not sign you in',
    'connection-failed': 'The agent cannot be reached',
    'connection-lost': 'The connection was lost',
  },
}
