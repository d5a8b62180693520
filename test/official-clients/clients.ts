import {
  agentsConversation,
  deepgramConversation,
  type Outcome,
  openaiConversation,
  type Place,
} from './conversations.ts'
import { openaiPythonConversation, openaiPythonMissing } from './openai-python.ts'

/** A provider's own client. */
export interface Client {
  readonly name: string
  readonly converse: (at: Place) => Promise<Outcome>
  /** Why it is not here, and what to do; undefined where it is. */
  readonly missing?: string | undefined
}

/** All clients that hold the conversation. */
export const CLIENTS: readonly Client[] = [
  { name: 'openai: OpenAIRealtimeWS', converse: openaiConversation },
  { name: '@openai/agents-realtime: RealtimeSession', converse: agentsConversation },
  { name: '@deepgram/sdk: the v5 agent client', converse: deepgramConversation },
  {
    name: 'openai for Python: AsyncOpenAI().realtime',
    converse: openaiPythonConversation,
    missing: openaiPythonMissing,
  },
]
