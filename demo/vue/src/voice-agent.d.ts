import type { VoiceAgent, VoiceAgentEventMap } from 'voicewire/elements'
import type { EmitFn, HTMLAttributes, PublicProps } from 'vue'

/** What templates may give to `<voice-agent>`, and what its events carry. */
type Settings =
  | 'provider'
  | 'instructions'
  | 'greeting'
  | 'proxyEndpoint'
  | 'tokenEndpoint'
  | 'sessionOptions'

declare module 'vue' {
  interface GlobalComponents {
    VoiceAgent: new () => VoiceAgent & {
      $props: HTMLAttributes & Partial<Pick<VoiceAgent, Settings>> & PublicProps
      $emit: EmitFn<{ [K in keyof VoiceAgentEventMap]: (event: VoiceAgentEventMap[K]) => void }>
    }
  }
}
