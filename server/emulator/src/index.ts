export type { AudioFormat } from './audio-format.ts'
export type { AudioChunk, AudioLog } from './audio-log.ts'
export type { Closed, EmulatorConnection, LoggedMessage, Protocol, SpokenItem } from './connection.ts'
export type { ApiKeys } from './credentials.ts'
export type { Listener, OnceOptions } from './emitter.ts'
export { createEmulator, type Emulator, type EmulatorEvents } from './emulator.ts'
export type { Fault, FaultTrigger } from './faults.ts'
export type { ConnectionSummary } from './http-api.ts'
export type { EmulatorOptions, Pace, Timeouts, UserSpeech } from './options.ts'
export {
  defaultReply,
  type PastCall,
  type Reply,
  type ReplyContext,
  type Respond,
  type Tool,
  type ToolCall,
  type ToolOutput,
  type Utterance,
} from './reply.ts'
export { FliteVoice, fliteVoiceOf, type Speech, type SpeechRequest } from './voice.ts'
