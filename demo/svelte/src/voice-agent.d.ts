import type { HTMLAttributes } from 'svelte/elements'
import type { VoiceAgent, VoiceAgentEventMap } from 'voicewire/elements'

/** What templates may give to `<voice-agent>`, and what its events carry. */
type Settings = Partial<Pick<VoiceAgent, 'provider' | 'instructions' | 'greeting' | 'sessionOptions'>> & {
  'proxy-endpoint'?: string
  'token-endpoint'?: string
}
type Listeners = { [K in keyof VoiceAgentEventMap as `on${K}`]?: (event: VoiceAgentEventMap[K]) => void }

declare module 'svelte/elements' {
  interface SvelteHTMLElements {
    'voice-agent': Omit<HTMLAttributes<VoiceAgent>, keyof Listeners> & Settings & Listeners
  }
}
