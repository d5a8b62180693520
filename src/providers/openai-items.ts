import { isObject, type JsonObject } from '../util/json.ts'
import type { HeardItem, HistoryEntry, Utterance } from './provider.ts'

/** Items that this adapter puts into a new connection carry this prefix: they are not news for the page. */
const REPLAY = 'replay_'

/** @returns Whether an item only repeats what the page knows. */
export function isReplayed(id: string): boolean {
  return id.startsWith(REPLAY)
}

/** @returns The message that puts an item into the conversation, at its end or after another. */
export function createItem(item: JsonObject, afterId?: string): string {
  return JSON.stringify({ type: 'conversation.item.create', previous_item_id: afterId, item })
}

export function textItem({ role, text }: Utterance, id?: string): JsonObject {
  const type = role === 'user' ? 'input_text' : 'output_text'
  return { ...(id && { id }), type: 'message', role, content: [{ type, text }] }
}

export function imageItem({ url, text }: { url: string; text: string }): JsonObject {
  const image = { type: 'input_image', image_url: url }
  return {
    type: 'message',
    role: 'user',
    content: text ? [image, { type: 'input_text', text }] : [image],
  }
}

export function outputItem({ callId, output }: { callId: string; output: string }, id?: string): JsonObject {
  return { ...(id && { id }), type: 'function_call_output', call_id: callId, output }
}

/** @returns The items that stand for an earlier utterance, or for a call and its answer. */
export function replayedItems(entry: HistoryEntry, index: number): readonly JsonObject[] {
  const id = `${REPLAY}${index}`
  if (entry.role !== 'tool') return [textItem(entry, id)]
  const { callId, name, arguments: text } = entry
  const call = { id, type: 'function_call', call_id: callId, name, arguments: text }
  return [call, outputItem(entry, `${id}_output`)]
}

/** @returns The parts of a message. */
export function contentParts(item: JsonObject): readonly JsonObject[] {
  const { content } = item as { content?: unknown }
  return Array.isArray(content) ? content.filter(isObject) : []
}

/** @returns The messages that make the model forget what was not heard. */
export function* truncations(items: readonly HeardItem[]): Iterable<string> {
  for (const { itemId, heardMs, receivedMs } of items) {
    // What was heard to the end must not be truncated: the model would repeat itself.
    if (heardMs >= receivedMs) continue
    yield JSON.stringify({
      type: 'conversation.item.truncate',
      item_id: itemId,
      content_index: 0,
      audio_end_ms: heardMs,
    })
  }
}
