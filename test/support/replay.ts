import { expect } from 'chai'
import {
  type Provider,
  type ProviderEvent,
  type SessionContext,
  VoiceError,
  type WireData,
} from '../../src/index.ts'
import { decodeBase64 } from '../../src/util/base64.ts'

/**
 * One step of a recorded conversation, a line of a `.jsonl` file:
 *
 * - `open`: a connection begins from this context.
 * - `receive`: the server sends this JSON; `receiveText` sends text as it is, `receiveBinary` bytes as base64.
 * - `command`: the session asks for this.
 * - `audio`: the microphone gives so many bytes of zeros.
 *
 * Each with `events`, all that the provider makes of it, in order, as `plain` writes it; default none. `about` says what
 * the line shows.
 */
interface Step {
  readonly about?: string
  readonly open?: Partial<SessionContext>
  readonly receive?: { readonly type: string }
  readonly receiveText?: string
  readonly receiveBinary?: string
  readonly command?: unknown
  readonly audio?: number
  readonly events?: readonly unknown[]
}

/** What became of each type of server message: `decoded` where it ever led to an event, else `passed`. */
export type Coverage = Record<string, 'decoded' | 'passed'>

/** Replays a recorded conversation and compares everything. @returns What became of each type of message. */
export async function replay(provider: Provider, path: string): Promise<Coverage> {
  const coverage: Coverage = {}
  const lines = (await (await fetch(`/test/fixtures/${path}`)).text()).split('\n')
  for (const [index, line] of lines.entries()) {
    if (line.trim() === '') continue
    const step = JSON.parse(line) as Step
    const events = [...run(provider, step)].map(plain)
    expect(events, `${path}:${index + 1} ${step.about ?? ''}`).to.deep.equal(step.events ?? [])
    const type = step.receive?.type
    if (type && coverage[type] !== 'decoded') coverage[type] = events.length > 0 ? 'decoded' : 'passed'
  }
  return coverage
}

function* run(provider: Provider, step: Step): Iterable<ProviderEvent | WireData> {
  if (step.open) yield* provider.open({ history: [], resumed: false, ...step.open })
  else if (step.receive) yield* provider.decode(JSON.stringify(step.receive))
  else if (step.receiveText !== undefined) yield* provider.decode(step.receiveText)
  else if (step.receiveBinary !== undefined) yield* provider.decode(decodeBase64(step.receiveBinary).buffer)
  else if (step.audio !== undefined) yield provider.encodeAudio(new Uint8Array(step.audio))
  else yield* provider.encode(step.command as never)
}

/** Writes JSON text as what it holds, bytes as their number, and errors as code, retryable and message. */
function plain(value: unknown): unknown {
  if (value instanceof VoiceError) {
    const { code, retryable, message } = value
    return { code, retryable, message }
  }
  if (value instanceof Uint8Array) return { bytes: value.byteLength }
  if (typeof value === 'string' && value.startsWith('{')) return JSON.parse(value)
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(plain)
  const fields = Object.entries(value).filter(([, field]) => field !== undefined)
  return Object.fromEntries(
    fields.map(([name, field]) => [name, name === 'arguments' ? field : plain(field)]),
  )
}
