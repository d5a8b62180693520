export { Conversation, type ConversationOptions, type DeviceKind } from './internal/conversation.ts'
export type { Strings } from './internal/localization.ts'
export {
  type Context,
  ContextRequestEvent,
  conversationContext,
  sessionContext,
} from './internal/session-context.ts'
export { VoiceAgent, type VoiceAgentEventMap } from './voice-agent.ts'
export { VoiceDeviceSelect } from './voice-device-select.ts'
export { VoiceMeter } from './voice-meter.ts'
export { VoiceMuteButton } from './voice-mute-button.ts'
export { VoiceOrb } from './voice-orb.ts'
export { VoiceStartButton } from './voice-start-button.ts'
export { VoiceStatus } from './voice-status.ts'
export { VoiceTalkButton } from './voice-talk-button.ts'
export { VoiceTextInput } from './voice-text-input.ts'
export { VoiceTranscript } from './voice-transcript.ts'
export { VoiceVolume } from './voice-volume.ts'
