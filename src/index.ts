export type { AudioEncoding, AudioFormat, MicrophoneSettings } from './audio/audio-format.ts'
export type { AudioTap, TappedNodes } from './audio/audio-tap.ts'
export type { SpeechDetector } from './audio/speech-detector.ts'
export {
  TokenClient,
  type TokenClientEventMap,
  type TokenClientOptions,
  type TokenGrant,
} from './auth/token-client.ts'
export { VoiceError, type VoiceErrorCode, type VoiceErrorOptions, type VoicePhase } from './errors.ts'
export type {
  AgentState,
  DeviceChange,
  ProviderDetail,
  ProviderLatency,
  SessionState,
  ToolCallEvent,
  TranscriptEntry,
  TurnEvent,
  Usage,
  UsageEvent,
  UsageTotal,
  VoiceEventMap,
  VoiceEventName,
  VoiceWarning,
  Word,
} from './events.ts'
export { DeepgramAgent, type DeepgramAgentCommand } from './providers/deepgram-agent.ts'
export type {
  DeepgramAgentDetail,
  DeepgramAgentOptions,
  DeepgramAgentUpdate,
} from './providers/deepgram-agent-options.ts'
export type { DeepgramRegion } from './providers/deepgram-auth.ts'
export {
  DeepgramFlux,
  type DeepgramFluxCommand,
  type DeepgramFluxDetail,
  type DeepgramFluxOptions,
  type DeepgramFluxThresholds,
  type DeepgramFluxUpdate,
} from './providers/deepgram-flux.ts'
export {
  type DeepgramEntity,
  DeepgramListen,
  type DeepgramListenDetail,
  type DeepgramListenOptions,
} from './providers/deepgram-listen.ts'
export type { DeepgramQueryValue, DeepgramSpeechToTextOptions } from './providers/deepgram-speech-to-text.ts'
export type { OpenAILogprob, OpenAIRealtimeDetail } from './providers/openai-detail.ts'
export type {
  OpenAIMcpServer,
  OpenAIRealtimeCommand,
  OpenAIRealtimeOptions,
  OpenAIRealtimeUpdate,
  OpenAISemanticVad,
  OpenAIServerVad,
  OpenAITranscription,
  OpenAIVoice,
} from './providers/openai-options.ts'
export { OpenAIRealtime } from './providers/openai-realtime.ts'
export type {
  AnsweredCall,
  Capabilities,
  Command,
  CommandOf,
  Credential,
  DetailOf,
  Endpoint,
  HeardItem,
  HistoryEntry,
  OwnCommandOf,
  Provider,
  ProviderEvent,
  SessionContext,
  SessionUpdate,
  ToolDeclaration,
  UpdateOf,
  Utterance,
  WireData,
} from './providers/provider.ts'
export type { ApiKeyAuth, GetToken, ProxyAuth, SessionAuth, TokenAuth } from './session/auth.ts'
export {
  defineTool,
  type StandardIssue,
  type StandardResult,
  type StandardSchema,
  type Tool,
  type ToolContext,
  type ToolDefinition,
  type ToolEndpoint,
  type ToolInput,
  type ToolParameters,
} from './session/define-tool.ts'
export type { ConnectTimings } from './session/latency.ts'
export type { SessionOptions, SessionStats, VoiceSessionOptions } from './session/options.ts'
export {
  type SpeakerLabels,
  type TranscriptDocument,
  transcriptToJSON,
  transcriptToText,
  transcriptToWebVTT,
} from './session/transcript-export.ts'
export { type StoredTurn, type TranscriptStorage, webStorage } from './session/transcript-storage.ts'
export { VoiceSession } from './session/voice-session.ts'
export type { ReconnectOptions } from './transport/reconnecting-websocket.ts'
