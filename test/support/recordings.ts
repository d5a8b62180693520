import type { Provider } from '../../src/index.ts'
import { type Coverage, replay } from './replay.ts'

interface Message {
  readonly type: string
  readonly [field: string]: unknown
}

interface Shape {
  readonly required: object
  readonly optional: object
}

/** A file of `test/fixtures/protocols`. */
interface Protocol {
  readonly client: Readonly<Record<string, Shape>>
  readonly server: Readonly<Record<string, Shape>>
}

/** What several recorded conversations together show of a protocol. */
export interface Recorded {
  readonly protocol: Protocol
  /** What was committed, and what it is now. */
  readonly expected: Coverage
  readonly coverage: Coverage
  /** Types of the messages that the provider sends, in any of them. */
  readonly sent: ReadonlySet<string>
  /** Messages of types in the table that lack a field, or have one that the table does not know. */
  readonly misfits: readonly string[]
}

async function json<T>(path: string): Promise<T> {
  const response = await fetch(`/test/fixtures/${path}`)
  return response.json()
}

/**
 * Replays the conversations of a provider.
 *
 * @param folder Under `test/fixtures`; also the name of the protocol's table.
 * @param recordings The provider of each conversation, by the name of its file.
 */
export async function replayAll(
  folder: string,
  recordings: Readonly<Record<string, () => Provider>>,
): Promise<Recorded> {
  const protocol = await json<Protocol>(`protocols/${folder}-events.json`)
  const expected = await json<Coverage>(`${folder}/coverage.json`)
  const coverage: Coverage = {}
  const sent = new Set<string>()
  const misfits: string[] = []
  const judge = (shapes: Protocol['server'], { type, ...fields }: Message, where: string): void => {
    const shape = shapes[type]
    if (!shape) return
    const known = { ...shape.required, ...shape.optional }
    const wrong = [
      ...Object.keys(shape.required).filter((name) => !(name in fields)),
      ...Object.keys(fields).filter((name) => !(name in known)),
    ]
    if (wrong.length > 0) misfits.push(`${where} ${type}: ${wrong.join(', ')}`)
  }
  for (const [name, create] of Object.entries(recordings)) {
    const path = `${folder}/${name}.jsonl`
    for (const [type, what] of Object.entries(await replay(create(), path))) {
      if (coverage[type] !== 'decoded') coverage[type] = what
    }
    const text = await (await fetch(`/test/fixtures/${path}`)).text()
    for (const [index, line] of text.trim().split('\n').entries()) {
      const { command, receive, events = [] } = JSON.parse(line)
      if (receive) judge(protocol.server, receive, `${path}:${index + 1}`)
      for (const event of events) {
        const message = command ? event : event.type === 'reply' ? event.data : null
        if (!message) continue
        sent.add(message.type)
        judge(protocol.client, message, `${path}:${index + 1}`)
      }
    }
  }
  return { protocol, expected, coverage, sent, misfits }
}
