/** Counts what a session takes from the browser, so that a test can see that it gives all of it back. */
export interface Resources {
  readonly contexts: AudioContext[]
  readonly tracks: MediaStreamTrack[]
  restore(): void
}

/** @returns The contexts and microphone tracks that come into being from now on. */
export function watchResources(): Resources {
  const contexts: AudioContext[] = []
  const tracks: MediaStreamTrack[] = []
  const { AudioContext: Original } = globalThis
  const { mediaDevices } = navigator
  const original = mediaDevices.getUserMedia
  globalThis.AudioContext = class extends Original {
    constructor(options?: AudioContextOptions) {
      super(options)
      contexts.push(this)
    }
  }
  mediaDevices.getUserMedia = async (constraints) => {
    const stream = await original.call(mediaDevices, constraints)
    tracks.push(...stream.getTracks())
    return stream
  }
  return {
    contexts,
    tracks,
    restore: () => {
      globalThis.AudioContext = Original
      mediaDevices.getUserMedia = original
    },
  }
}
