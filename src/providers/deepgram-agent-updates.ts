import type { JsonObject } from '../util/json.ts'
import type { DeepgramAgentUpdate } from './deepgram-agent-options.ts'
import { type Agent, listenOf, speakOf, thinkOf } from './deepgram-agent-settings.ts'

/** Each message that changes something, and what acknowledges it. */
const ACKNOWLEDGED = {
  UpdateThink: 'ThinkUpdated',
  UpdateSpeak: 'SpeakUpdated',
  UpdateListen: 'ListenUpdated',
  UpdatePrompt: 'PromptUpdated',
} as const

/** Changes that were sent and not acknowledged yet. An acknowledgement has no id, so each kind is taken in order. */
export class AgentUpdates {
  #waiting: { readonly id: number; readonly acknowledgement: string }[] = []

  /** @returns What is in force with the change, and the messages that ask for it. */
  begin(agent: Agent, id: number, config: DeepgramAgentUpdate): { agent: Agent; messages: JsonObject[] } {
    const { addInstructions, voice, ...rest } = config
    const changed: Agent = { ...agent, ...rest, ...(voice !== undefined && { speak: voice }) }
    const { think, instructions, tools, speak, listen } = config
    const messages: ({ readonly type: keyof typeof ACKNOWLEDGED } & JsonObject)[] = []
    // What thinks is replaced as a whole.
    if (think !== undefined || instructions !== undefined || tools !== undefined) {
      messages.push({ type: 'UpdateThink', think: thinkOf(changed) })
    }
    if (speak !== undefined || voice !== undefined) {
      messages.push({ type: 'UpdateSpeak', speak: speakOf(changed) })
    }
    if (listen !== undefined) messages.push({ type: 'UpdateListen', listen: listenOf(changed) })
    if (addInstructions !== undefined) messages.push({ type: 'UpdatePrompt', prompt: addInstructions })
    this.#waiting.push(...messages.map(({ type }) => ({ id, acknowledgement: ACKNOWLEDGED[type] })))
    if (addInstructions === undefined) return { agent: changed, messages }
    const all = [changed.instructions, addInstructions].filter(Boolean).join('\n')
    return { agent: { ...changed, instructions: all }, messages }
  }

  /** @returns The change of which all is acknowledged with this message; null where there is none. */
  acknowledge(type: string): number | null {
    const index = this.#waiting.findIndex(({ acknowledgement }) => acknowledgement === type)
    const [settled] = index < 0 ? [] : this.#waiting.splice(index, 1)
    if (!settled || this.#waiting.some(({ id }) => id === settled.id)) return null
    return settled.id
  }

  /** The connection is another one. */
  forget(): void {
    this.#waiting = []
  }
}
