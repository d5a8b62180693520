/** Whether this is Firefox, where a test has to say what each browser does. */
export const FIREFOX = navigator.userAgent.includes('Firefox/')

/** Whether this is a WebKit that is no Chromium. */
export const WEBKIT = !FIREFOX && !navigator.userAgent.includes('Chrome/')

/** What some tests need, and not every browser has. */
const ABILITIES = {
  'AudioContext.setSinkId': 'setSinkId' in AudioContext.prototype,
  'OfflineAudioContext.suspend': 'suspend' in OfflineAudioContext.prototype,
  'outputLatency, which is not asked for in Firefox': !FIREFOX,
  'emulated media features, for which its driver has no command': !FIREFOX && !WEBKIT,
  'keys held down, for which the runner has no command': !WEBKIT,
  'a menu of the right button that a driver can close': !WEBKIT,
  'arrow keys that move a slider the other way from right to left': !WEBKIT,
  'names of voices in cues': !WEBKIT,
  'noiseSuppression and channelCount among the settings of a track': !WEBKIT,
  'a microphone that hears speech, and keeps time on a busy machine': !WEBKIT,
} as const

/** @returns What describes a test, or skips it where something is missing, and says what. */
export function itNeeds(ability: keyof typeof ABILITIES): (title: string, run: () => Promise<void>) => void {
  if (ABILITIES[ability]) return (title, run) => void it(title, run)
  return (title) => void it.skip(`${title} (needs ${ability})`)
}

/**
 * Lets listeners of tracks hear what a test dispatches; Firefox tells them only what it dispatches itself, unless a
 * fourth argument asks for the rest.
 */
export function hearDispatchedTrackEvents(): void {
  const { prototype } = MediaStreamTrack
  const listen = prototype.addEventListener as (...given: unknown[]) => void
  Object.assign(prototype, {
    addEventListener(this: MediaStreamTrack, ...[type, listener, options]: unknown[]) {
      listen.call(this, type, listener, options, true)
    },
  })
}
