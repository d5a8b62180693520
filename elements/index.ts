export type { VoiceAgentEventMap } from './internal/agent-events.ts'
export type { AgentLayout } from './internal/agent-layouts.ts'
export type { AgentTool, ToolDescription } from './internal/agent-tools.ts'
export {
  Conversation,
  type ConversationAction,
  type ConversationMode,
  type ConversationOptions,
  type DeviceKind,
} from './internal/conversation.ts'
export type { Strings } from './internal/localization.ts'
export type { RecoverableCode, RecoveryStrings, Steps } from './internal/recovery-strings.ts'
export {
  type Context,
  ContextRequestEvent,
  conversationContext,
  sessionContext,
} from './internal/session-context.ts'
export { VoiceToolCallEvent } from './internal/tool-call-event.ts'
export { type AgentPlacement, VoiceAgent } from './voice-agent.ts'
export type { VoiceDebug } from './voice-debug.ts'
export { VoiceDeviceSelect } from './voice-device-select.ts'
export { VoiceMeter } from './voice-meter.ts'
export { VoiceModeButton } from './voice-mode-button.ts'
export { VoiceMuteButton } from './voice-mute-button.ts'
export { VoiceOrb } from './voice-orb.ts'
export type { VoiceRecovery } from './voice-recovery.ts'
export { VoiceStartButton } from './voice-start-button.ts'
export { VoiceStatus } from './voice-status.ts'
export { VoiceTalkButton } from './voice-talk-button.ts'
export { VoiceTextInput } from './voice-text-input.ts'
export { VoiceTool, type VoiceToolEventMap } from './voice-tool.ts'
export { VoiceTranscript } from './voice-transcript.ts'
export { VoiceVolume } from './voice-volume.ts'
