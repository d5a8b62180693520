import type { Provider, ProviderEvent, VoiceSession, WireData } from '../index.ts'
import { encodeBase64 } from '../util/base64.ts'
import { parseObject } from '../util/json.ts'
import { type ConversationStep, plain } from './step.ts'

/** A recording under way. */
export interface ConversationRecording {
  /** What was recorded so far: JSON lines, for `replayConversation`. */
  readonly text: string
  /** Ends it. @returns All that was recorded. Idempotent. */
  stop(): string
}

export interface RecordConversationOptions {
  /** Whether the agent's voice is kept; else each piece of it becomes one sample of silence. Default true. */
  readonly audio?: boolean
}

type Mutable = { -readonly [K in keyof ConversationStep]: ConversationStep[K] }

/** One sample of silence: two bytes. */
const SILENCE = 'AAA='
const SILENT_BYTES = 2

/**
 * Records what a session's provider is asked and told and what it makes of it, from the next connection on: the
 * context of each connection, every message of the server and every command, but not the microphone. The wire alone
 * (the session's `message` event) would tell neither of contexts nor of commands.
 *
 * Look the text through before you publish it: it holds what was said, and the instructions.
 *
 * @param session Best one that has not started, since a provider remembers what came before.
 */
export function recordConversation(
  session: VoiceSession,
  { audio = true }: RecordConversationOptions = {},
): ConversationRecording {
  const { provider } = session
  const steps: Mutable[] = []

  /** Notes the step before its events, as one may lead to the next step. */
  function* record<T extends ProviderEvent | WireData>(step: Mutable, made: Iterable<T>): Iterable<T> {
    steps.push(step)
    const events: T[] = []
    try {
      for (const event of made) {
        events.push(event)
        yield event
      }
    } finally {
      if (!audio) silence(step, events)
      if (events.length > 0) step.events ??= events.map(plain)
    }
  }

  const { open, decode, encode } = provider
  const recording: Pick<Provider, 'open' | 'decode' | 'encode'> = {
    open: (context) => record({ open: context }, open.call(provider, context)),
    decode: (data) => record(received(data), decode.call(provider, data)),
    encode: (command) => record({ command: { ...command } }, encode.call(provider, command)),
  }
  const own = Object.getOwnPropertyDescriptors(provider)
  Object.assign(provider, recording)
  const text = () => steps.map((step) => `${JSON.stringify(step)}\n`).join('')
  let stopped: string | null = null
  return {
    get text() {
      return stopped ?? text()
    },
    stop() {
      if (stopped !== null) return stopped
      for (const name of ['open', 'decode', 'encode'] as const) {
        if (own[name]) Object.defineProperty(provider, name, own[name])
        else Reflect.deleteProperty(provider, name)
      }
      stopped = text()
      return stopped
    },
  }
}

function received(data: string | ArrayBuffer): Mutable {
  if (typeof data !== 'string') return { receiveBinary: encodeBase64(new Uint8Array(data)) }
  const message = parseObject(data)
  return message ? { receive: message } : { receiveText: data }
}

/** Puts silence in the place of the agent's voice, in the message and in what was made of it. */
function silence(step: Mutable, events: readonly (ProviderEvent | WireData)[]): void {
  const lengths = events.flatMap((event) =>
    typeof event === 'object' && 'type' in event && event.type === 'audio' ? [event.data.byteLength] : [],
  )
  const [length] = lengths
  if (length === undefined || lengths.length > 1) return
  const name = step.receive ? 'receive' : 'receiveBinary'
  const silent = withSilence(step[name], Math.ceil(length / 3) * 4)
  // A message that holds the sound in another form stays as it is.
  if (JSON.stringify(silent) === JSON.stringify(step[name])) return
  Object.assign(step, { [name]: silent })
  step.events = events.map(plain).map((event) => {
    const isAudio = (event as ProviderEvent).type === 'audio'
    return isAudio ? { ...(event as object), data: { bytes: SILENT_BYTES } } : event
  })
}

/** @returns The message with every text of that length, which is the sound as base64, replaced. */
function withSilence(value: unknown, length: number): unknown {
  if (typeof value === 'string') return value.length === length && isBase64(value) ? SILENCE : value
  if (Array.isArray(value)) return value.map((inner) => withSilence(inner, length))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, withSilence(inner, length)]))
}

function isBase64(text: string): boolean {
  return /^[A-Za-z0-9+/]+={0,2}$/.test(text)
}
