export type { AgentTool, ToolDescription } from './internal/agent-tools.ts'
export { Conversation, type ConversationOptions } from './internal/conversation.ts'
export type { Strings } from './internal/localization.ts'
export type { RecoverableCode, RecoveryStrings, Steps } from './internal/recovery-strings.ts'
export {
  type Context,
  ContextRequestEvent,
  conversationContext,
  sessionContext,
} from './internal/session-context.ts'
export { VoiceToolCallEvent } from './internal/tool-call-event.ts'
export { VoiceAgent, type VoiceAgentEventMap } from './voice-agent.ts'
export type { VoiceDebug } from './voice-debug.ts'
export { VoiceMeter } from './voice-meter.ts'
export { VoiceMuteButton } from './voice-mute-button.ts'
export type { VoiceRecovery } from './voice-recovery.ts'
export { VoiceStartButton } from './voice-start-button.ts'
export { VoiceStatus } from './voice-status.ts'
export { VoiceTool, type VoiceToolEventMap } from './voice-tool.ts'
export { VoiceTranscript } from './voice-transcript.ts'
