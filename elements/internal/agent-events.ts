import type { VoiceEventMap, VoiceEventName } from '../../src/index.ts'
import type { VoiceToolCallEvent } from './tool-call-event.ts'

/** The events of `<voice-agent>`: those of a session, with its payload as `detail`, and its own. */
export type VoiceAgentEventMap = {
  [K in Exclude<VoiceEventName, 'error' | 'toolcall'>]: CustomEvent<VoiceEventMap[K]>
} & {
  /** Also asks for the answer, where the tool has no handler of its own. */
  toolcall: VoiceToolCallEvent
  /** Also why a start failed; a `TypeError` where the element is not set up. */
  error: CustomEvent<Error>
  open: Event
  close: Event
  consent: Event
  modechange: Event
}

type Listener<T, E> = ((this: T, event: E) => unknown) | { handleEvent(event: E): unknown } | null

/** An element whose listeners know what its events carry. */
export interface TypedEventTarget<T, Events> {
  addEventListener<K extends keyof Events & string>(
    type: K,
    listener: Listener<T, Events[K]>,
    options?: boolean | AddEventListenerOptions,
  ): void
  addEventListener<K extends keyof HTMLElementEventMap>(
    type: K,
    listener: Listener<T, HTMLElementEventMap[K]>,
    options?: boolean | AddEventListenerOptions,
  ): void
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void
  removeEventListener<K extends keyof Events & string>(
    type: K,
    listener: Listener<T, Events[K]>,
    options?: boolean | EventListenerOptions,
  ): void
  removeEventListener<K extends keyof HTMLElementEventMap>(
    type: K,
    listener: Listener<T, HTMLElementEventMap[K]>,
    options?: boolean | EventListenerOptions,
  ): void
  removeEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | EventListenerOptions,
  ): void
}
