import { encodePCM16 } from '../../src/audio/pcm.ts'
import { Speaker } from '../../src/audio/speaker.ts'

/** What all are given: one channel at this rate, in a context of 48 kHz. */
export const STREAM_RATE = 24_000

/** One way to play chunks of an answer as they come. */
export interface Strategy {
  readonly output: AudioNode
  play(itemId: string, samples: Float32Array<ArrayBuffer>): void
  end(itemId: string): void
  /** Cuts off. */
  clear(): void
  /** Where it says of itself what it holds back, in ms. */
  readonly delayMs?: number
}

export async function voicewire(
  context: AudioContext,
  workletUrl: string,
): Promise<Strategy & { speaker: Speaker }> {
  const speaker = new Speaker({
    context,
    format: { encoding: 'pcm16', sampleRate: STREAM_RATE },
    workletUrl,
    ondrain: () => undefined,
  })
  await speaker.open()
  return {
    speaker,
    output: speaker.output,
    play: (itemId, samples) => speaker.play(itemId, new Uint8Array(encodePCM16(samples).buffer)),
    end: (itemId) => speaker.end(itemId),
    clear: () => void speaker.clear(),
    get delayMs() {
      return speaker.delayMs
    },
  }
}

/**
 * Each chunk is a buffer source that starts where the one before it ends, or `preroll` seconds from now where that
 * is over.
 *
 * @param fade How long a cut takes, in seconds; 0 stops the sources at once.
 */
export function scheduledSources(context: AudioContext, { preroll = 0, fade = 0 } = {}): Strategy {
  const gain = context.createGain()
  gain.connect(context.destination)
  let sources: AudioBufferSourceNode[] = []
  let nextTime = 0
  return {
    output: gain,
    play(_itemId, samples) {
      const buffer = context.createBuffer(1, samples.length, STREAM_RATE)
      buffer.copyToChannel(samples, 0)
      const source = new AudioBufferSourceNode(context, { buffer })
      source.connect(gain)
      if (nextTime < context.currentTime) nextTime = context.currentTime + preroll
      if (sources.length === 0) gain.gain.cancelScheduledValues(0).setValueAtTime(1, nextTime)
      source.start(nextTime)
      nextTime += buffer.duration
      sources.push(source)
    },
    end: () => undefined,
    clear() {
      const { currentTime } = context
      if (fade > 0) gain.gain.setValueAtTime(1, currentTime).linearRampToValueAtTime(0, currentTime + fade)
      for (const source of sources) source.stop(currentTime + fade)
      sources = []
      nextTime = 0
    },
  }
}

/** A ring in a worklet that starts `preroll` seconds after an answer's first chunk. */
export function ring(context: AudioContext, { preroll }: { preroll: number }): Strategy {
  const node = new AudioWorkletNode(context, 'bench-ring', {
    numberOfInputs: 0,
    outputChannelCount: [1],
    processorOptions: { preroll },
  })
  node.connect(context.destination)
  let last: string | null = null
  return {
    output: node,
    play(itemId, samples) {
      // Another answer waits again; the one before it was played to its end.
      if (last !== null && last !== itemId) node.port.postMessage('clear')
      last = itemId
      node.port.postMessage(samples)
    },
    end: () => undefined,
    clear: () => node.port.postMessage('clear'),
  }
}
