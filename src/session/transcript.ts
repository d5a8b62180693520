import type { TranscriptEntry } from '../events.ts'
import type { AnsweredCall, HeardItem, HistoryEntry, ProviderEvent } from '../providers/provider.ts'
import type { StoredTurn } from './transcript-storage.ts'

type TranscriptUpdate = Extract<ProviderEvent, { type: 'transcript' }>

/** How much of the conversation a new connection is told: what is older is beyond most models' interest. */
const MAX_HISTORY = 200

/** The conversation in the order in which it was spoken, which is not the order in which its text arrives. */
export class Transcript {
  readonly #now: () => number
  #entries: readonly TranscriptEntry[] = []
  /** Each call that was answered, and after which entry that was. */
  #calls: readonly { readonly call: AnsweredCall; readonly afterId: string | undefined }[] = []
  /** Where the conversation at hand begins: earlier entries are of another one. */
  #from = 0
  #begun = false
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

  /** The conversation at hand with its answered calls, oldest first: what to keep of it. */
  get turns(): readonly StoredTurn[] {
    const callsAfter = (id?: string) =>
      this.#calls.flatMap(({ call, afterId }) => (afterId === id ? call : []))
    const said = this.#entries.slice(this.#from).flatMap((entry) => [entry, ...callsAfter(entry.id)])
    return [...callsAfter(), ...said]
  }

  /** What a new connection is told of the conversation so far, oldest first. */
  get history(): readonly HistoryEntry[] {
    const told = this.turns.flatMap((turn) => {
      if (turn.role === 'tool') return turn
      const { role, text } = turn
      return text ? { role, text } : []
    })
    return told.slice(-MAX_HISTORY)
  }

  /** A conversation is to begin; the first one goes on with what was restored. */
  begin(): void {
    if (!this.#begun) return
    this.#from = this.#entries.length
    this.#calls = []
  }

  /** It has begun: before, as after a dial that failed, it is the same one that is tried again. */
  begun(): void {
    this.#begun = true
  }

  /** Takes over what was said elsewhere or earlier. */
  restore(history: readonly (HistoryEntry | StoredTurn)[]): void {
    for (const [index, turn] of history.entries()) {
      if (turn.role === 'tool') {
        this.answered(turn)
        continue
      }
      // What was stored has an id, which a provider that counts from one may give again.
      const id = this.idOf(`history-${index}`)
      const entry = { interrupted: false, startedAt: this.#now(), ...turn, id, final: true }
      this.#entries = [...this.#entries, entry]
    }
  }

  /** The line is lost: nothing more is said of what was being said. @returns The entries that ended so. */
  endConnection(): readonly TranscriptEntry[] {
    const ended = this.#entries.flatMap((entry) => (entry.final ? [] : { ...entry, final: true }))
    this.#entries = this.#entries.map((entry) => (entry.final ? entry : { ...entry, final: true }))
    return ended
  }

  /** A tool call was answered. */
  answered(call: AnsweredCall): void {
    const afterId = this.#entries.slice(this.#from).at(-1)?.id
    this.#calls = [...this.#calls, { call, afterId }].slice(-MAX_HISTORY)
  }

  /** A provider may count its items from one again on every connection; ids given out here never repeat. */
  beginConnection(): void {
    this.#connection++
  }

  /** @returns The entry as it now is, or null where nothing changed. */
  update({ id, role, delta = '', text, final, afterId, words }: TranscriptUpdate): TranscriptEntry | null {
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
        ...(words && { words }),
      }
      this.#entries = this.#entries.toSpliced(this.#position(afterId), 0, entry)
      return entry
    }
    // What was cut off stays as it was: text that comes later was never heard.
    const next = { text: old.interrupted ? old.text : (text ?? old.text + delta), final: final || old.final }
    if (next.text === old.text && next.final === old.final && !words) return null
    return this.#replace(index, { ...old, ...next, ...(words && { words }) })
  }

  /** @returns Of items that are read, not heard, those whose text is not complete: all that came of it is known. */
  unread(items: readonly HeardItem[]): readonly HeardItem[] {
    const complete = new Set(this.#entries.filter(({ final }) => final).map(({ id }) => id))
    return items
      .filter(({ itemId }) => !complete.has(this.idOf(itemId)))
      .map((item) => ({ ...item, heardMs: item.receivedMs }))
  }

  /** @returns The entry of an item that was cut off, with the words that were heard; null where it has none yet. */
  interrupt({ itemId, heardMs, receivedMs }: HeardItem): TranscriptEntry | null {
    const key = this.idOf(itemId)
    this.#interrupted.add(key)
    const index = this.#entries.findIndex((entry) => entry.id === key)
    const old = this.#entries[index]
    if (!old || old.interrupted) return old ?? null
    const text = heardPart(old.text, receivedMs > 0 ? heardMs / receivedMs : 0)
    return this.#replace(index, { ...old, text, interrupted: true, final: true })
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

/**
 * Text runs ahead of sound, and no provider says which word is where: speech is even enough for the share of the
 * sound that was heard to be the share of the words.
 */
function heardPart(text: string, share: number): string {
  if (share >= 1) return text
  const words = text.split(/(?<=\s)/)
  return words
    .slice(0, Math.round(words.length * share))
    .join('')
    .trimEnd()
}
