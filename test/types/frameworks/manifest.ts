/** Compiled, never run: the comments that the manifest is read from name every event, and with its type. */
import 'voicewire/elements'
import type { VoiceAgentEventMap } from 'voicewire/elements'
import type { Elements } from '../../../dist/frameworks/elements.js'

declare const described: Elements['voice-agent']['events']
declare const fired: VoiceAgentEventMap
described satisfies VoiceAgentEventMap
fired satisfies Elements['voice-agent']['events']

/** Every tag that TypeScript knows of is described, and the other way round. */
declare const known: keyof HTMLElementTagNameMap & `voice-${string}`
declare const tag: keyof Elements
known satisfies keyof Elements
tag satisfies keyof HTMLElementTagNameMap
