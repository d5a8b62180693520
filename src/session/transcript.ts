import type { TranscriptEntry } from '../events.ts'
import type { HistoryEntry, ProviderEvent } from '../providers/provider.ts'

type TranscriptUpdate = Extract<ProviderEvent, { type: 'transcript' }>

/** The conversation in the order in which it was spoken, which is not the order in which its text arrives. */
export class Transcript {
  readonly #now: () => number
  #entries: readonly TranscriptEntry[] = []
  #connection = 0
  /** Keys of what was cut off, since its text may come later. */
  readonly #interrupted = new Set<string>()

  /** @param now The time in ms since the epoch; default `Date.now`. */
  constructor(now: () => number = Date.now) {
    this.#now = now
  }

  get entries(): readonly TranscriptEntry[] {
    return this.#entries
  }

  /** What a new connection is told of the conversation so far, oldest first. */
  get history(): readonly HistoryEntry[] {
    return this.#entries.filter(({ text }) => text).map(({ role, text }) => ({ role, text }))
  }

  /** A provider may count its items from one again on every connection; ids given out here never repeat. */
  beginConnection(): void {
    this.#connection++
  }

  /** @returns The entry as it now is, or null where nothing changed. */
  update({ id, role, delta = '', text, final, afterId }: TranscriptUpdate): TranscriptEntry | null {
    const key = this.idOf(id)
    const index = this.#entries.findIndex((entry) => entry.id === key)
    const old = this.#entries[index]
    if (!old) {
      const interrupted = this.#interrupted.has(key)
      const entry = {
        id: key,
        role,
        text: text ?? delta,
        final: final || interrupted,
        interrupted,
        startedAt: this.#now(),
      }
      this.#entries = this.#entries.toSpliced(this.#position(afterId), 0, entry)
      return entry
    }
    // What was cut off stays as it was: text that comes later was never heard.
    const next = { text: old.interrupted ? old.text : (text ?? old.text + delta), final: final || old.final }
    if (next.text === old.text && next.final === old.final) return null
    return this.#replace(index, { ...old, ...next })
  }

  /** @returns The entry of an item that was cut off, or null where it has none yet. */
  interrupt(id: string): TranscriptEntry | null {
    const key = this.idOf(id)
    this.#interrupted.add(key)
    const index = this.#entries.findIndex((entry) => entry.id === key)
    const old = this.#entries[index]
    return old ? this.#replace(index, { ...old, interrupted: true, final: true }) : null
  }

  /** @returns The id of the entry for a provider's id on the present connection. */
  idOf(id: string): string {
    return `${this.#connection}.${id}`
  }

  #position(afterId: string | null | undefined): number {
    if (afterId == null) return this.#entries.length
    const key = this.idOf(afterId)
    const index = this.#entries.findIndex((entry) => entry.id === key)
    return index < 0 ? this.#entries.length : index + 1
  }

  #replace(index: number, entry: TranscriptEntry): TranscriptEntry {
    this.#entries = this.#entries.with(index, entry)
    return entry
  }
}
