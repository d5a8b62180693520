import { isObject, type JsonObject, objectField } from '../util/json.ts'
import type { OpenAIRealtimeUpdate } from './openai-options.ts'
import { merged, type SessionConfig, sessionFields, wholeSession } from './openai-session-config.ts'
import type { SessionContext } from './provider.ts'

/** What is asked of the server's session, and what of it is in force. */
export class OpenAISettings {
  readonly #options: SessionConfig
  /** Options, tools and the updates that are in force. */
  #config: SessionConfig
  /** Not acknowledged yet, oldest first. */
  #pending: { readonly id: number; readonly config: object }[] = []
  /** Whether the server cuts an answer off by itself where the user speaks. */
  interrupts = true
  /** Whether the server hears itself when a turn is over. */
  detectsTurns: boolean
  /** Whether the user's words are written down. */
  transcribed = true

  constructor(options: SessionConfig) {
    this.#options = this.#config = options
    this.detectsTurns = options.turnDetection !== null
  }

  /** A new connection begins. Updates outlast a line that was lost, and end with the conversation. */
  open({ resumed, tools }: SessionContext): void {
    this.#config = merged(resumed ? this.#config : this.#options, { tools })
    this.#pending = []
    this.detectsTurns = this.#config.turnDetection !== null
    this.transcribed = this.#config.transcription !== null
  }

  /** @returns The message that configures a new connection. */
  create(): string {
    return JSON.stringify({ type: 'session.update', session: wholeSession(this.#config) })
  }

  /** @returns The message that changes what an update names. */
  update({ id, config }: { id: number; config: OpenAIRealtimeUpdate }): string {
    this.#pending.push({ id, config })
    const { kind, tools, mcpServers } = merged(this.#config, config)
    // Functions and servers are one list at the provider, which is replaced as a whole.
    const all = config.tools || config.mcpServers ? { tools, mcpServers } : {}
    const session = sessionFields(merged({ kind, ...config }, all))
    return JSON.stringify({ type: 'session.update', event_id: `update_${id}`, session })
  }

  /** The server told its settings. @returns The update that they are the answer to, or undefined. */
  updated(session: JsonObject): number | undefined {
    const { transcription, turn_detection: detection } = objectField(objectField(session, 'audio'), 'input')
    this.interrupts = isObject(detection) && detection['interrupt_response'] !== false
    if (detection !== undefined) this.detectsTurns = detection !== null
    if (transcription !== undefined) this.transcribed = transcription !== null
    const update = this.#pending.shift()
    if (update) this.#config = merged(this.#config, update.config)
    return update?.id
  }

  /** @returns The update that the message `eventId` asked for and the server refuses, or undefined. */
  failed(eventId: string): number | undefined {
    const update = this.#pending.find(({ id }) => eventId === `update_${id}`)
    this.#pending = this.#pending.filter((other) => other !== update)
    return update?.id
  }
}
