import { decodeBase64 } from '../util/base64.ts'
import { type JsonObject, stringField } from '../util/json.ts'
import type { ProviderEvent } from './provider.ts'

type Event = ProviderEvent<never>

/** @returns Events that send the messages. */
export function* replies(messages: Iterable<string>): Iterable<Event> {
  for (const data of messages) yield { type: 'reply', data }
}

export function audio(itemId: string, base64: string): Event {
  try {
    return { type: 'audio', itemId, data: decodeBase64(base64) }
  } catch {
    return unreadable('audio that is not base64')
  }
}

export function unreadable(what: string): Event {
  return { type: 'warning', code: 'unreadable-message', message: `The server sent ${what}` }
}

/** @param said An object with `code` and `message`: an error that is none, or what a relay says on its own. */
export function warning(said: JsonObject): Event {
  return { type: 'warning', code: stringField(said, 'code'), message: stringField(said, 'message') }
}
