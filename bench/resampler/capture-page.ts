/** Runs in a page: what the parts of the capture path cost there. */
import { CaptureChunker } from '../../src/audio/capture-chunker.ts'
import { Resampler } from '../../src/audio/resampler.ts'
import { interleave } from '../support/timing.ts'

const RATES = { inputRate: 48_000, outputRate: 16_000 }
const QUANTUM = 128
/** So much sound at a time, as a page's clock is coarse. */
const SECONDS = 10

/** @returns ms for a second of sound: the resampler alone, `CaptureChunker.push`, and that with each chunk posted. */
export function measureCapture(rounds: number): number[] {
  const noise = Float32Array.from({ length: QUANTUM }, () => Math.random() - 0.5)
  const output = new Float32Array(QUANTUM)
  const resampler = new Resampler(RATES)
  const silent = new CaptureChunker({ ...RATES, chunkMs: 20, deliver: () => undefined })
  const { port1 } = new MessageChannel()
  const posting = new CaptureChunker({
    ...RATES,
    chunkMs: 20,
    deliver: ({ buffer }, level) => port1.postMessage({ samples: buffer, level }, [buffer]),
  })
  const sound = (push: () => void) => () => {
    for (let at = 0; at < SECONDS * RATES.inputRate; at += QUANTUM) push()
  }
  const work = [
    sound(() => resampler.processInto(noise, output)),
    sound(() => silent.push([noise], QUANTUM)),
    sound(() => posting.push([noise], QUANTUM)),
  ]
  interleave(3, work)
  return interleave(rounds, work).map((time) => time / SECONDS)
}
