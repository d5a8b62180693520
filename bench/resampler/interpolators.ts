/** What many pages do in place of a filter, written here from its description. */
import type { Rates } from './rates.ts'

/** A straight line between neighbouring samples; the last one is kept for the next chunk. */
export function linearInterpolation({ inputRate, outputRate }: Rates): (input: Float32Array) => Float32Array {
  const step = inputRate / outputRate
  let last = 0
  let at = 0
  return (input) => {
    const output: number[] = []
    for (; at < input.length; at += step) {
      const i = Math.floor(at)
      const left = i === 0 ? last : input[i - 1]!
      output.push(left + (input[i]! - left) * (at - i))
    }
    at -= input.length
    last = input[input.length - 1] ?? last
    return Float32Array.from(output)
  }
}

/** The mean of the input samples that fall into each output sample; a box that is not full waits for the next chunk. */
export function boxAverage({ inputRate, outputRate }: Rates): (input: Float32Array) => Float32Array {
  const step = inputRate / outputRate
  let until = step
  let sum = 0
  let count = 0
  return (input) => {
    const output: number[] = []
    for (let i = 0; i < input.length; i++) {
      if (i >= until) {
        output.push(sum / count)
        sum = 0
        count = 0
        until += step
      }
      sum += input[i]!
      count++
    }
    until -= input.length
    return Float32Array.from(output)
  }
}

/** The same with a first box at the start of every chunk, and a last one of what is left. */
export function boxAveragePerChunk({ inputRate, outputRate }: Rates): (input: Float32Array) => Float32Array {
  const step = inputRate / outputRate
  return (input) =>
    Float32Array.from({ length: Math.round(input.length / step) }, (_, n) => {
      const box = input.subarray(Math.round(n * step), Math.round((n + 1) * step))
      return box.reduce((sum, x) => sum + x, 0) / box.length
    })
}
