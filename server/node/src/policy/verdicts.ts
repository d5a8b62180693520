import { isUtf8 } from 'node:buffer'
import type { FilterHost } from '../relay/message-filter.ts'
import { messageNotice } from '../relay/notices.ts'
import type { ProviderName } from '../relay/routes.ts'
import { type JsonObject, parseMessage } from './json.ts'

/** A client that goes on after so many refusals is not mistaken, but trying. */
const MOST_FORBIDDEN = 100

/** Reads messages for a filter, and tells a client of those that go no further. */
export class Verdicts {
  readonly #provider: ProviderName
  #host: FilterHost | null = null
  #forbidden = 0

  constructor(provider: ProviderName) {
    this.#provider = provider
  }

  start(host: FilterHost): void {
    this.#host = host
  }

  /** A client's message; null where it is none that can be judged, which the client has then been told. */
  read(binary: boolean, payload: Buffer): JsonObject | null {
    const message = binary || !isUtf8(payload) ? null : parseMessage(payload.toString())
    if (message === null) this.forbid({}, 'A message must be a JSON object')
    return message
  }

  /** A provider's message; null where it is no JSON object. */
  trust(payload: Buffer): JsonObject | null {
    return parseMessage(payload.toString())
  }

  /** Drops a client's message, and says so. @returns Always false: the verdict. */
  forbid(message: JsonObject, reason: string): false {
    this.#forbidden += 1
    if (this.#forbidden > MOST_FORBIDDEN) {
      this.#host?.end('policy_violation', 1008, 'Too many messages were not allowed')
      return false
    }
    const { event_id: id } = message
    this.#host?.toClient(messageNotice(this.#provider, reason, typeof id === 'string' ? id : null))
    return false
  }
}
