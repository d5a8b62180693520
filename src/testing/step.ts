import type { SessionContext, VoiceError } from '../index.ts'

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
export interface ConversationStep {
  readonly about?: string
  readonly open?: Partial<SessionContext>
  readonly receive?: { readonly type?: string; readonly [field: string]: unknown }
  readonly receiveText?: string
  readonly receiveBinary?: string
  readonly command?: { readonly type: string; readonly [field: string]: unknown }
  readonly audio?: number
  readonly events?: readonly unknown[]
}

/**
 * Writes what a provider gave as JSON can hold it: JSON text as what it holds, bytes as their number, and errors as
 * code, retryable and message. The arguments of a tool call stay the text that the model wrote.
 */
export function plain(value: unknown): unknown {
  // By its name, as the class may be that of another copy of the library.
  if (value instanceof Error && value.name === 'VoiceError') {
    const { code, retryable, message } = value as VoiceError
    return { code, retryable, message }
  }
  if (value instanceof Uint8Array || value instanceof ArrayBuffer) return { bytes: value.byteLength }
  if (typeof value === 'string' && value.startsWith('{')) return JSON.parse(value)
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(plain)
  const fields = Object.entries(value).filter(([, field]) => field !== undefined)
  return Object.fromEntries(
    fields.map(([name, field]) => [name, name === 'arguments' ? field : plain(field)]),
  )
}
