import { insecureContext } from './audio-error.ts'
import { microphoneError } from './microphone-error.ts'

const CONSTRAINTS: MediaTrackConstraints = {
  // `sampleRate` is left alone: a track may claim one rate and deliver another.
  channelCount: { ideal: 1 },
  echoCancellation: true,
  noiseSuppression: true,
  autoGainControl: true,
}

/** @throws {VoiceError} `insecure-context` if the page may have none. */
export function mediaDevices(): MediaDevices {
  // Missing in a page without HTTPS, whatever the types say.
  const devices = navigator.mediaDevices as MediaDevices | undefined
  if (!devices) throw insecureContext('navigator.mediaDevices')
  return devices
}

/**
 * Asks for a microphone, and for permission where need be.
 *
 * @param constraints Over one channel with echo cancellation, noise suppression and gain control.
 * @returns A stream whose tracks are the caller's to stop.
 * @throws {VoiceError} `insecure-context`, `microphone-…`.
 * @throws The signal's reason, at once; a device granted later is let go.
 */
export function requestMicrophone(
  constraints: MediaTrackConstraints,
  signal: AbortSignal,
): Promise<MediaStream> {
  const request = getStream({ ...CONSTRAINTS, ...constraints })
  // Nobody waits for a prompt that is answered after the abort: what it grants must not stay on.
  request.then((late) => signal.aborted && stopTracks(late), ignore)
  return untilAborted(request, signal)
}

export function stopTracks(stream: MediaStream): void {
  for (const track of stream.getTracks()) track.stop()
}

/** @returns What the promise becomes, unless the signal is aborted before: then its reason is thrown, at once. */
export function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    if (signal.aborted) abort()
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}

async function getStream(audio: MediaTrackConstraints): Promise<MediaStream> {
  const devices = mediaDevices()
  try {
    return await devices.getUserMedia({ audio })
  } catch (cause) {
    throw microphoneError(cause)
  }
}

/** A failure that the promise raced against has already told. */
function ignore(): void {}
