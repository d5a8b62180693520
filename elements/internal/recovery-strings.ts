import type { Browser } from './browser.ts'

/** The failures that a user can mend. */
export type RecoverableCode =
  | 'microphone-denied'
  | 'microphone-denied-by-system'
  | 'microphone-dismissed'
  | 'microphone-blocked'
  | 'microphone-not-found'
  | 'microphone-in-use'
  | 'microphone-ended'
  | 'insecure-context'

/** What to do, step by step, in each browser; `other` where a browser is not named. */
export type Steps = { readonly [B in Browser]?: readonly string[] } & { readonly other: readonly string[] }

/** The words of `<voice-recovery>`. */
export interface RecoveryStrings {
  /** Stands above the steps. */
  readonly title: string
  readonly again: string
  readonly type: string
  /** The browser says that the microphone is allowed now. */
  readonly solved: string
  readonly steps: { readonly [K in RecoverableCode]: Steps }
}

const GO_ON = 'Press “Try again”'
const ON_A_PHONE = ['Disconnect headphones that have no microphone', GO_ON]

/** Loaded with the element. */
export const ENGLISH_RECOVERY: RecoveryStrings = {
  title: 'What you can do',
  again: 'Try again',
  type: 'Type instead',
  solved: 'The microphone is allowed now',
  steps: {
    'microphone-denied': {
      chrome: ['Press the icon beside the address', 'Switch Microphone on', GO_ON],
      firefox: ['Press the crossed-out microphone beside the address', 'Remove “Blocked” with the ✕', GO_ON],
      safari: [
        'In the menu bar, open Safari, then “Settings for” this website',
        'Set Microphone to Allow',
        GO_ON,
      ],
      ios: [
        'Press the button beside the address, then “Website Settings”; newer versions have it behind “•••”',
        'Set Microphone to Allow',
        GO_ON,
      ],
      android: ['Press the icon beside the address', 'Choose Permissions and allow the microphone', GO_ON],
      other: ['Open the settings of your browser for this website', 'Allow the microphone', GO_ON],
    },
    'microphone-denied-by-system': {
      safari: [
        'Open System Settings, then Privacy & Security, then Microphone',
        'Switch Safari on',
        'Start Safari again',
      ],
      ios: ['Open Settings, then Apps, then Safari, then Microphone', 'Choose Ask or Allow', GO_ON],
      android: [
        'Open the settings of the phone, then Apps, then your browser, then Permissions',
        'Allow the microphone',
        GO_ON,
      ],
      other: [
        'Open the privacy settings of your computer or phone',
        'Allow the microphone for your browser',
        'Start the browser again',
      ],
    },
    'microphone-dismissed': {
      other: [GO_ON, 'When the browser asks for the microphone, choose Allow'],
    },
    'microphone-blocked': {
      other: [
        'This page is part of another one, which keeps the microphone from it: open it in a tab of its own',
      ],
    },
    'microphone-not-found': {
      ios: ON_A_PHONE,
      android: ON_A_PHONE,
      other: [
        'Connect a microphone or a headset',
        'See that it is on in the sound settings of your computer',
        GO_ON,
      ],
    },
    'microphone-in-use': {
      other: ['Close what uses the microphone: a call, a recording, another tab or program', GO_ON],
    },
    'microphone-ended': {
      other: ['Connect the microphone again, or choose another one', GO_ON],
    },
    'insecure-context': {
      other: [
        'Browsers give the microphone to secure pages only: open this page with https:// before its address',
      ],
    },
  },
}
