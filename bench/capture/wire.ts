import type { Site } from '../support/browser.ts'
import { median } from '../support/report.ts'

/** What came over one socket. */
export interface Wire {
  readonly messages: Buffer[]
  /** When each came, in ms since the epoch. */
  readonly receivedAt: number[]
}

/** Keeps what pages send to a site, by the path of the socket; paths that begin with `/-` are not kept. */
export function collect(site: Site): (path: string) => Wire {
  const wires = new Map<string, Wire>()
  const wire = (path: string): Wire => {
    const known = wires.get(path) ?? { messages: [], receivedAt: [] }
    wires.set(path, known)
    return known
  }
  let offset = 0
  site.sockets.on('connection', (socket, { url = '' }) => {
    if (url.startsWith('/-')) return
    // Anew for each, as one clock is corrected now and then and the other is not.
    offset = clockOffset()
    const { messages, receivedAt } = wire(url)
    socket.on('message', (data) => {
      receivedAt.push(performance.timeOrigin + performance.now() - offset)
      messages.push(data as Buffer)
    })
  })
  return wire
}

/** @returns How far `performance` is ahead of `Date`, in ms: measured where `Date` ticks. */
function clockOffset(): number {
  const offsets = Array.from({ length: 20 }, () => {
    const before = Date.now()
    let now = before
    while (now === before) now = Date.now()
    return performance.timeOrigin + performance.now() - now
  })
  return median(offsets)
}

/** @returns The samples of messages in one array; the bytes of each are copied, as they may lie at odd places. */
export function int16Of(messages: readonly Buffer[]): Int16Array {
  return new Int16Array(bytesOf(messages))
}

export function float32Of(messages: readonly Buffer[]): Float32Array {
  return new Float32Array(bytesOf(messages))
}

export function float64Of(messages: readonly Buffer[]): Float64Array {
  return new Float64Array(bytesOf(messages))
}

function bytesOf(messages: readonly Buffer[]): ArrayBuffer {
  const bytes = Buffer.concat(messages)
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer
}
