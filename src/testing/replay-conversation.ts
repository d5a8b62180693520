import type { Provider, ProviderEvent, WireData } from '../index.ts'
import { decodeBase64 } from '../util/base64.ts'
import { difference } from './difference.ts'
import { type ConversationStep, plain } from './step.ts'

/** One line of a conversation that was replayed, and was as expected. */
export interface ReplayedStep {
  /** Counted from 1. */
  readonly line: number
  readonly step: ConversationStep
  /** What the provider made of it, as JSON can hold it. */
  readonly events: readonly unknown[]
  readonly expected: readonly unknown[]
}

/**
 * Replays a recorded conversation to a provider, line by line, and compares all that it makes of it. Run it to its end:
 *
 * ```ts
 * for (const { events } of replayConversation(new MyProvider(), text)) console.log(events)
 * ```
 *
 * @param provider A new one, with the options of the recording.
 * @param text JSON lines, each a `ConversationStep`; empty ones are passed over.
 * @param options.name Of the conversation, for errors.
 * @throws {Error} At the first line that is none, or of which the provider makes something else; the message says
 * where and what.
 */
export function* replayConversation(
  provider: Provider,
  text: string,
  { name = 'the conversation' }: { readonly name?: string } = {},
): Generator<ReplayedStep, void> {
  for (const [index, json] of text.split('\n').entries()) {
    if (json.trim() === '') continue
    const place = `${name}:${index + 1}`
    const step = parseStep(json, place)
    const events = [...run(provider, step, place)].map(plain)
    const expected = step.events ?? []
    const found = difference(events, expected)
    if (found) {
      const about = step.about ? ` (${step.about})` : ''
      throw new Error(
        `Cannot replay ${place}${about} as events${found.path} must be ${show(found.expected)}: current value is ${show(found.actual)}`,
      )
    }
    yield { line: index + 1, step, events, expected }
  }
}

function parseStep(json: string, place: string): ConversationStep {
  try {
    return JSON.parse(json) as ConversationStep
  } catch (cause) {
    throw new Error(`Cannot replay ${place} as each line must be JSON: current value is ${json}`, { cause })
  }
}

function* run(provider: Provider, step: ConversationStep, place: string): Iterable<ProviderEvent | WireData> {
  if (step.open) yield* provider.open({ history: [], resumed: false, ...step.open })
  else if (step.receive) yield* provider.decode(JSON.stringify(step.receive))
  else if (step.receiveText !== undefined) yield* provider.decode(step.receiveText)
  else if (step.receiveBinary !== undefined) yield* provider.decode(decodeBase64(step.receiveBinary).buffer)
  else if (step.audio !== undefined) yield provider.encodeAudio(new Uint8Array(step.audio))
  else if (step.command) yield* provider.encode(step.command as never)
  else {
    throw new Error(
      `Cannot replay ${place} as a step must be one of open, receive, receiveText, receiveBinary, command, audio: current value is ${Object.keys(step)}`,
    )
  }
}

function show(value: unknown): string {
  return value === undefined ? 'absent' : JSON.stringify(value)
}
