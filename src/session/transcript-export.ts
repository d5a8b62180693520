import type { TranscriptEntry } from '../events.ts'

/** What the speakers are called. */
export type SpeakerLabels = Readonly<Partial<Record<TranscriptEntry['role'], string>>>

/** What `transcriptToJSON` writes; `version` changes with its shape. */
export interface TranscriptDocument {
  readonly version: 1
  readonly entries: readonly TranscriptEntry[]
}

interface Line {
  readonly label: string
  readonly text: string
  readonly startedAt: number
}

/** How fast people read subtitles, in ms for one character. */
const READING_MS = 70

/** Shorter than this nobody reads a cue, in ms. */
const SHORTEST_READING_MS = 1500

/** What a cue is given where the next entry began at the same time, in ms: a cue without length is invalid. */
const SHORTEST_CUE_MS = 100

/**
 * Writes a conversation for people to read: a line for each entry that has text, such as `User: Hello`.
 *
 * @param labels Default `User` and `Agent`.
 */
export function transcriptToText(
  entries: readonly TranscriptEntry[],
  { labels }: { labels?: SpeakerLabels } = {},
): string {
  return linesOf(entries, labels)
    .map(({ label, text }) => `${label}: ${text}\n`)
    .join('')
}

/** Writes a conversation for programs to read: the JSON text of a `TranscriptDocument`. */
export function transcriptToJSON(entries: readonly TranscriptEntry[]): string {
  const document: TranscriptDocument = {
    version: 1,
    // Field by field: what else an entry may hold is not part of the shape.
    entries: entries.map(({ id, role, text, final, interrupted, startedAt }) => {
      return { id, role, text, final, interrupted, startedAt }
    }),
  }
  return JSON.stringify(document, null, 2)
}

/**
 * Writes a conversation as subtitles for its recording. Each entry that has text is a cue, from when it was
 * opened to when the next one was, or until it has been read.
 *
 * @param startedAt When the recording began, in ms since the epoch; what was over by then is left out. Default: with
 *   the first entry.
 * @param labels Default `User` and `Agent`.
 * @returns A WebVTT file.
 * @see https://www.w3.org/TR/webvtt1/
 */
export function transcriptToWebVTT(
  entries: readonly TranscriptEntry[],
  { startedAt, labels }: { startedAt?: number; labels?: SpeakerLabels } = {},
): string {
  const lines = linesOf(entries, labels)
  const starts = cueStarts(lines)
  const origin = startedAt ?? starts[0] ?? 0
  const cues = lines.map(({ label, text }, i) => {
    const start = starts[i]!
    const readMs = Math.max(SHORTEST_READING_MS, text.length * READING_MS)
    const end = Math.min(start + readMs, starts[i + 1] ?? Infinity) - origin
    // Less than a millisecond of it is to be seen.
    if (end < 1) return ''
    return `\n${timestamp(Math.max(0, start - origin))} --> ${timestamp(end)}\n<v ${escaped(label)}>${escaped(text)}\n`
  })
  return `WEBVTT\n${cues.join('')}`
}

/** Entries with text, each in one line: a line break would end it too early, here as in WebVTT. */
function linesOf(entries: readonly TranscriptEntry[], labels: SpeakerLabels = {}): readonly Line[] {
  const names = { user: 'User', assistant: 'Agent', ...labels }
  return entries
    .map(({ role, text, startedAt }) => ({ label: oneLine(names[role]), text: oneLine(text), startedAt }))
    .filter(({ text }) => text)
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim()
}

/**
 * An entry may be opened after the one that follows it in the conversation, as its text came late; it was
 * spoken before it all the same.
 *
 * @returns When the cues start, in whole ms since the epoch, each later than the one before.
 */
function cueStarts(lines: readonly Line[]): readonly number[] {
  let earliest = Infinity
  const spoken = lines.toReversed().map(({ startedAt }) => (earliest = Math.min(earliest, startedAt)))
  let next = -Infinity
  return spoken.reverse().map((start) => {
    const from = Math.max(Math.round(start), next)
    next = from + SHORTEST_CUE_MS
    return from
  })
}

/** @returns A time in ms as `00:00:00.000`. */
function timestamp(ms: number): string {
  const pad = (value: number, digits = 2) => String(Math.trunc(value)).padStart(digits, '0')
  return `${pad(ms / 3_600_000)}:${pad((ms / 60_000) % 60)}:${pad((ms / 1000) % 60)}.${pad(ms % 1000, 3)}`
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
