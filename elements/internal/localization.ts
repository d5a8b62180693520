import type { VoiceErrorCode } from '../../src/index.ts'

/** Every word that the elements show or speak. */
export interface Strings {
  /** The start button, by what a press does. */
  readonly start: string
  readonly stop: string
  readonly cancel: string
  /** The mute button; pressed or not is told by its state. */
  readonly mute: string
  /** The agent as a whole, for who cannot see it. */
  readonly agent: string
  /** The buttons that show and hide a floating agent. */
  readonly show: string
  readonly close: string
  /** The button that shows and hides the transcript of a bar. */
  readonly showTranscript: string
  /** The buttons that change between voice and text. */
  readonly type: string
  readonly speak: string
  /** The buttons of what the user is asked for before a start. */
  readonly agree: string
  readonly decline: string
  /** What is said before the browser asks for the microphone. */
  readonly prePrompt: string
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
  /** The text field, and the button beside it. */
  readonly write: string
  readonly send: string
  /** The choice of devices, by what is chosen, and its first option. */
  readonly input: string
  readonly output: string
  readonly systemDevice: string
  readonly volume: string
  /** The button to hold; while it is held it shows the second, which is not spoken. */
  readonly talk: string
  readonly talking: string
  /** A page whose author has to set something first. */
  readonly misconfigured: string
  /** Sentences for errors, by code; an error without one speaks for itself. */
  readonly errors: { readonly [K in VoiceErrorCode]?: string }
}

/** The words of a page that sets none. */
export const ENGLISH: Strings = {
  start: 'Start talking',
  stop: 'End',
  cancel: 'Cancel',
  mute: 'Mute',
  agent: 'Voice agent',
  show: 'Open voice agent',
  close: 'Close',
  showTranscript: 'Show conversation',
  type: 'Type instead',
  speak: 'Talk instead',
  agree: 'Continue',
  decline: 'Not now',
  prePrompt: 'Your browser will ask for the microphone. It is used during the conversation only.',
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
  write: 'Type a message',
  send: 'Send',
  input: 'Microphone',
  output: 'Speaker',
  systemDevice: 'System default',
  volume: 'Volume',
  talk: 'Hold to talk',
  talking: 'Release to send',
  misconfigured: 'Not set up yet',
  errors: {
    'microphone-denied': 'The microphone is not allowed',
    'microphone-denied-by-system': 'The system does not allow the microphone',
    'microphone-dismissed': 'The microphone is not allowed yet',
    'microphone-blocked': 'This page may not use the microphone',
    'microphone-not-found': 'No microphone was found',
    'microphone-in-use': 'Another program uses the microphone',
    'microphone-ended': 'The microphone was disconnected',
    'output-device-not-found': 'The speaker was not found',
    'output-device-denied': 'This page may not use the speaker',
    'token-failed': 'The agent could not sign you in',
    'token-rejected': 'The agent could not sign you in',
    'connection-failed': 'The agent cannot be reached',
    'connection-lost': 'The connection was lost',
  },
}
