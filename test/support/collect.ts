import type { Provider, ProviderEvent, WireData } from '../../src/index.ts'

/** @returns What a provider makes of a server's message. */
export function decode(provider: Provider, message: object | ArrayBuffer): ProviderEvent[] {
  return [...provider.decode(message instanceof ArrayBuffer ? message : JSON.stringify(message))]
}

/** @returns The JSON messages among the replies of a list of events. */
export function replies(events: Iterable<ProviderEvent>): unknown[] {
  return [...events].flatMap((event) => (event.type === 'reply' ? [parsed(event.data)] : []))
}

/** @returns A text message as the object that it holds. */
export function parsed(data: WireData): unknown {
  if (typeof data !== 'string') throw new TypeError('Expected a text message')
  return JSON.parse(data)
}
