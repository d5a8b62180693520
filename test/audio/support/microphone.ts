import { expect } from 'chai'
import { Microphone, type MicrophoneOptions } from '../../../src/audio/microphone.ts'
import type { VoiceError } from '../../../src/errors.ts'
import type { VoiceWarning } from '../../../src/events.ts'
import { hearDispatchedTrackEvents } from '../../support/abilities.ts'
import { observe } from './observed-context.ts'

hearDispatchedTrackEvents()

const contexts: AudioContext[] = []
const microphones: Microphone[] = []
const devices = navigator.mediaDevices

/** Asks for a real device of the browser's, whatever took its place. */
export const getUserMedia = devices.getUserMedia.bind(devices)

export async function running(options?: AudioContextOptions): Promise<AudioContext> {
  const context = await observe(new AudioContext(options))
  contexts.push(context)
  return context
}

/** A microphone whose chunks are kept, and in `told` its warnings and changes in order. */
export async function setUp(options: Partial<MicrophoneOptions> = {}) {
  const context = options.context ?? (await running())
  const chunks: Int16Array<ArrayBuffer>[] = []
  const levels: number[] = []
  const told: string[] = []
  const warnings: VoiceWarning[] = []
  const ended = Promise.withResolvers<VoiceError>()
  let waiting: { until: () => boolean; resolve: () => void }[] = []
  const microphone = new Microphone({
    context,
    sampleRate: 16_000,
    onchunk: (chunk) => {
      chunks.push(chunk.slice())
      for (const { until, resolve } of waiting) if (until()) resolve()
      waiting = waiting.filter(({ until }) => !until())
    },
    onlevel: (level) => levels.push(level),
    onwarning: (warning) => {
      told.push(warning.code)
      warnings.push(warning)
    },
    onchange: () => told.push('change'),
    onend: ended.resolve,
    ...options,
  })
  microphones.push(microphone)
  const until = (condition: () => boolean) =>
    new Promise<void>((resolve) => {
      if (condition()) resolve()
      else waiting.push({ until: condition, resolve })
    })
  const more = (count: number) => {
    const enough = chunks.length + count
    return until(() => chunks.length >= enough)
  }
  /** Resolves when sound came that was captured after now; what is under way now is not. */
  const loud = async () => {
    const from = chunks.length + 1
    await until(() => chunks.slice(from).some(isLoud))
  }
  return { context, microphone, chunks, levels, told, warnings, until, more, loud, ended: ended.promise }
}

/** Ends what the tests of a file began; for `afterEach`. */
export async function tearDown(): Promise<void> {
  Reflect.deleteProperty(devices, 'getUserMedia')
  for (const microphone of microphones.splice(0)) microphone.close()
  for (const context of contexts.splice(0)) await context.close()
}

/** A stream that the test makes itself: a tone. */
export function toneStream(context: AudioContext, frequency = 440, amplitude = 1): MediaStream {
  const destination = context.createMediaStreamDestination()
  const oscillator = new OscillatorNode(context, { frequency })
  oscillator.connect(new GainNode(context, { gain: amplitude })).connect(destination)
  oscillator.start()
  return destination.stream
}

export function replaceGetUserMedia(
  replacement: (constraints: MediaStreamConstraints) => Promise<MediaStream>,
): void {
  Object.defineProperty(devices, 'getUserMedia', { configurable: true, value: replacement })
}

/** @returns The streams that are granted, and what was asked for, from now on. */
export function watchRequests() {
  const streams: MediaStream[] = []
  const asked: MediaTrackConstraints[] = []
  replaceGetUserMedia(async (constraints) => {
    asked.push(constraints.audio as MediaTrackConstraints)
    const stream = await getUserMedia(constraints)
    streams.push(stream)
    return stream
  })
  return { streams, asked }
}

/** @returns The ids of the browser's microphones. */
export async function deviceIds(): Promise<string[]> {
  // Firefox tells them of a microphone that is in use.
  const stream = await getUserMedia({ audio: true })
  const all = await devices.enumerateDevices()
  for (const track of stream.getTracks()) track.stop()
  // A loudspeaker's monitor is silent where nothing plays.
  return all.flatMap(({ kind, deviceId, label }) =>
    kind === 'audioinput' && deviceId !== 'default' && !/^Monitor/.test(label) ? [deviceId] : [],
  )
}

export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => expect.fail('was expected to reject'),
    (reason: unknown) => reason,
  )
}

export const isLoud = (chunk: Int16Array) => chunk.some((x) => Math.abs(x) > 500)
export const isSilent = (chunk: Int16Array) => chunk.every((x) => x === 0)
export const isLive = (stream: MediaStream) =>
  stream.getTracks().some(({ readyState }) => readyState === 'live')
