export { type Correlation, type CorrelationOptions, correlation } from './correlation.ts'
export { type ClickOptions, clicks, type Gap, type GapOptions, gaps } from './disturbances.ts'
export {
  type FakeMicrophone,
  type FakeMicrophoneOptions,
  type FakeSound,
  fakeMicrophone,
} from './fake-microphone.ts'
export { decibels, rms } from './loudness.ts'
export { type PeakFrequencyOptions, peakFrequency } from './peak-frequency.ts'
export {
  type ConversationRecording,
  type RecordConversationOptions,
  recordConversation,
} from './record-conversation.ts'
export { type ReplayedStep, replayConversation } from './replay-conversation.ts'
export { type ScriptedServer, scriptedServer } from './scripted-server.ts'
export { type Received, ScriptedSocket, type SentMessage } from './scripted-socket.ts'
export { noise, type SignalOptions, silence, sine } from './signal.ts'
export { speechLike } from './speech-like.ts'
export type { ConversationStep } from './step.ts'
export { type ClockTarget, VirtualClock } from './virtual-clock.ts'
