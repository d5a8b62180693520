import type { HTMLAttributes, RefAttributes } from 'react'
import type { VoiceAgent, VoiceAgentEventMap } from 'voicewire/elements'

/** What JSX may give to `<voice-agent>`, and what its events carry. */
type Settings = Partial<Pick<VoiceAgent, 'provider' | 'instructions' | 'greeting' | 'sessionOptions'>> & {
  'proxy-endpoint'?: string
  'token-endpoint'?: string
}
type Listeners = { [K in keyof VoiceAgentEventMap as `on${K}`]?: (event: VoiceAgentEventMap[K]) => void }

declare module 'react' {
  namespace JSX {
    interface IntrinsicElements {
      'voice-agent': HTMLAttributes<VoiceAgent> & RefAttributes<VoiceAgent> & Settings & Listeners
    }
  }
}
