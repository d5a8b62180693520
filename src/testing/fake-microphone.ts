import { Resampler } from '../audio/resampler.ts'

/** What a fake microphone hears: samples in −1…1 of one channel, at the context's rate, or with their own. */
export type FakeSound =
  | Float32Array
  | {
      readonly samples: Float32Array
      /** In Hz; where it is not the context's, the samples are resampled. */
      readonly sampleRate: number
      /** Whether it goes on for ever; default false. */
      readonly loop?: boolean
    }

export interface FakeMicrophoneOptions {
  /** Where the sound is made; default a context of its own. That of the session keeps both on one clock. */
  readonly audioContext?: AudioContext
}

/** A stream whose sound the test decides. */
export interface FakeMicrophone {
  /** For `input` of a session, or for whatever else takes the stream of a microphone. Silent between sounds. */
  readonly stream: MediaStream
  /** Resolved when all that was to be heard so far has been, or was stopped; never after a loop. */
  readonly ended: Promise<void>
  /**
   * Lets a sound be heard, now or after those before it, without a gap.
   *
   * @returns Resolved when its last sample was heard, or it was stopped.
   */
  play(sound: FakeSound): Promise<void>
  /** Ends the sound and the stream, as pulling the plug does: its track fires `ended`. Idempotent. */
  stop(): void
}

/** So far ahead a sound is scheduled that the audio thread has heard of it in time, in seconds. */
const LEAD_SECONDS = 0.02
/** Chromium gives away the last part of a quantum in which a source ends: so much silence is put there. */
const RENDER_QUANTUM = 128

/**
 * A microphone that hears exactly what it is given. It needs a browser that lets sound begin: in a page that nobody
 * has touched, start it with `--autoplay-policy=no-user-gesture-required`.
 *
 * @param sound Heard from now on; default silence. What must be heard whole is better given to `play` after the
 * session's `start`.
 */
export function fakeMicrophone(
  sound: FakeSound = new Float32Array(0),
  { audioContext }: FakeMicrophoneOptions = {},
): FakeMicrophone {
  const context = audioContext ?? new AudioContext()
  const destination = new MediaStreamAudioDestinationNode(context, { channelCount: 1 })
  for (const track of destination.stream.getTracks()) hearScripts(track)
  const stopped = Promise.withResolvers<void>()
  const sources = new Set<AudioBufferSourceNode>()
  let ended = Promise.resolve()
  let isStopped = false
  /** When the last of the sounds ends, in samples of the context. */
  let end = 0

  function play(next: FakeSound): Promise<void> {
    const { samples, loop = false } = atRate(next, context.sampleRate)
    if (isStopped || samples.length === 0) return ended
    // On the grid of samples: between two of them a browser would interpolate.
    const start = Math.max(end, Math.ceil((context.currentTime + LEAD_SECONDS) * context.sampleRate))
    end = loop ? Number.POSITIVE_INFINITY : start + samples.length
    ended = Promise.race([stopped.promise, heard(samples, { loop, start })])
    return ended
  }

  async function heard(
    samples: Float32Array,
    { loop, start }: { loop: boolean; start: number },
  ): Promise<void> {
    if (start === Number.POSITIVE_INFINITY) return stopped.promise
    const length = samples.length + (loop ? 0 : RENDER_QUANTUM)
    const buffer = new AudioBuffer({ length, sampleRate: context.sampleRate })
    buffer.getChannelData(0).set(samples)
    const source = new AudioBufferSourceNode(context, { buffer, loop })
    sources.add(source)
    source.connect(destination)
    source.start(start / context.sampleRate)
    await new Promise((resolve) => source.addEventListener('ended', resolve))
    sources.delete(source)
  }

  function stop(): void {
    if (isStopped) return
    isStopped = true
    for (const source of sources) source.disconnect()
    for (const track of destination.stream.getTracks()) {
      track.stop()
      // A track that is stopped from within the page does not tell it.
      track.dispatchEvent(new Event('ended'))
    }
    if (!audioContext) void context.close()
    stopped.resolve()
  }

  if (context.state === 'suspended') void context.resume()
  void play(sound)
  return {
    stream: destination.stream,
    get ended() {
      return ended
    },
    play,
    stop,
  }
}

/**
 * Firefox tells those who listen to a track nothing that a script dispatches, unless a fourth argument of its own asks
 * for that.
 *
 * @see https://searchfox.org/mozilla-central/source/dom/webidl/EventTarget.webidl
 */
function hearScripts(track: MediaStreamTrack): void {
  const listen = track.addEventListener as (...given: unknown[]) => void
  Object.defineProperty(track, 'addEventListener', {
    configurable: true,
    value: (...[type, listener, options]: unknown[]) => listen.call(track, type, listener, options, true),
  })
}

/** @returns The sound at a rate, beginning where it began. */
function atRate(sound: FakeSound, outputRate: number): { samples: Float32Array; loop?: boolean } {
  if (!('samples' in sound)) return { samples: sound }
  const { samples, sampleRate: inputRate } = sound
  if (inputRate === outputRate || samples.length === 0) return sound
  const resampler = new Resampler({ inputRate, outputRate })
  const padded = new Float32Array(samples.length + resampler.tailLength)
  padded.set(samples)
  const delay = Math.round(resampler.delaySeconds * outputRate)
  const length = Math.round((samples.length * outputRate) / inputRate)
  return { ...sound, samples: resampler.process(padded).subarray(delay, delay + length) }
}
