/** Compiled, never run: what templates of Vue are checked by. */

import type { VoiceAgent } from 'voicewire/elements'
import type { GlobalComponents, TemplateRef } from 'vue'
import 'voicewire/vue'

type Attributes<Tag extends keyof GlobalComponents> = InstanceType<GlobalComponents[Tag]>['$props']

/** A template's attributes, as its checker writes them. */
function element<Tag extends keyof GlobalComponents>(_tag: Tag, _attributes: Attributes<Tag>): void {}

declare const reference: TemplateRef<InstanceType<GlobalComponents['voice-agent']>>
reference.value?.start()
reference.value satisfies VoiceAgent | null

element('voice-agent', {
  id: 'agent',
  class: { wide: true },
  ref: 'agent',
  provider: 'deepgram',
  proxyEndpoint: '/v1/agent',
  'token-endpoint': '/token',
  volume: 0.5,
  muted: true,
  onClick: (event) => event.clientX,
  onStatechange: ({ detail }) => detail.state === 'open',
  onTranscript: (event) => event.detail.entry.text.toUpperCase(),
  onError: ({ detail }) => detail.message,
})
element('voice-meter', { class: 'loud', slot: 'meter' })

// @ts-expect-error There is no such provider
element('voice-agent', { provider: 'deepgrm' })
// @ts-expect-error There is no such way
element('voice-agent', { 'token-transport': 'header' })
// @ts-expect-error A number
element('voice-agent', { volume: '1' })
// @ts-expect-error There is no such state
element('voice-agent', { onStatechange: ({ detail }) => detail.state === 'opened' })
// @ts-expect-error There is no such event
element('voice-agent', { onStart: () => {} })
// @ts-expect-error There is no such element
element('voice-agnt', {})
