import type { TranscriptEntry } from '../events.ts'
import type { AnsweredCall } from '../providers/provider.ts'
import { isObject, parseObject } from '../util/json.ts'

/** One step of a conversation, by its `role`: what was said, or a tool's answer. */
export type StoredTurn = TranscriptEntry | AnsweredCall

/** Where a conversation is kept, so that it can go on after the page was left or loaded anew. */
export interface TranscriptStorage {
  /** @returns The conversation, oldest first; empty where there is none. */
  load(): Promise<readonly StoredTurn[]> | readonly StoredTurn[]
  /** Puts a conversation in the place of what was kept. */
  save(turns: readonly StoredTurn[]): Promise<void> | void
  clear(): Promise<void> | void
}

/** The shape of what is kept; anything else is passed over. */
const VERSION = 1

type Fields = Readonly<Record<string, 'string' | 'boolean' | 'number'>>

/** The fields of a turn and their types, by role. */
const ENTRY: Fields = {
  id: 'string',
  text: 'string',
  final: 'boolean',
  interrupted: 'boolean',
  startedAt: 'number',
}
const FIELDS: ReadonlyMap<unknown, Fields> = new Map<unknown, Fields>([
  ['user', ENTRY],
  ['assistant', ENTRY],
  ['tool', { callId: 'string', name: 'string', arguments: 'string', output: 'string' }],
])

/**
 * Keeps a conversation in the browser, as JSON.
 *
 * What cannot be read as a conversation counts as none. Where the browser keeps nothing (no room, or the page may not
 * store), the promise is rejected; what was kept before then stays.
 *
 * @param key One for each conversation that is to be kept.
 * @param storage Default `sessionStorage`: until the tab is closed.
 */
export function webStorage(key: string, storage?: Storage): TranscriptStorage {
  const use = async <T>(verb: string, action: (area: Storage) => T): Promise<T> => {
    try {
      // Asked here and not earlier, since the question alone throws where a page may not store.
      return action(storage ?? sessionStorage)
    } catch (cause) {
      const reason = cause instanceof Error ? `${cause.name}: ${cause.message}` : cause
      throw new Error(`Cannot ${verb} the conversation as storage must be usable: ${reason}`, { cause })
    }
  }
  return {
    load: () => use('load', (area) => turnsOf(area.getItem(key))),
    save: (turns) => use('save', (area) => area.setItem(key, JSON.stringify({ version: VERSION, turns }))),
    clear: () => use('clear', (area) => area.removeItem(key)),
  }
}

function turnsOf(text: string | null): readonly StoredTurn[] {
  const { version, turns } = parseObject(text ?? '') ?? {}
  return version === VERSION && Array.isArray(turns) && turns.every(isTurn) ? turns : []
}

function isTurn(turn: unknown): turn is StoredTurn {
  if (!isObject(turn)) return false
  const fields = FIELDS.get(turn['role'])
  return !!fields && Object.entries(fields).every(([name, type]) => typeof turn[name] === type)
}
