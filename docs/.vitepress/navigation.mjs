/** What is in the site's navigation, and in which order. A page that is not there is left out. */
import { existsSync } from 'node:fs'
import { apiPage, ENTRIES } from '../site/api-entries.mjs'
import { elements } from '../site/elements.mjs'
import { DOCS } from '../site/places.mjs'

const GROUPS = [
  [
    'Begin',
    [
      ['Getting started', 'getting-started.md'],
      ['Concepts', 'concepts.md'],
      ['Sound', 'sound.md'],
      ['Tools', 'tools.md'],
      ['Captions', 'captions.md'],
      ['When the line fails', 'reconnecting.md'],
      ['Testing your page', 'testing.md'],
      ['Troubleshooting', 'troubleshooting.md'],
    ],
  ],
  [
    'Pages',
    [
      ['Elements', 'elements.md'],
      ['Styling', 'styling.md'],
      ['Frameworks and editors', 'frameworks.md'],
      ['Angular', 'angular.md'],
      ['Server rendering', 'ssr.md'],
      ['Bundlers', 'bundlers.md'],
      ['Content Security Policy', 'content-security-policy.md'],
      ['Accessibility', 'accessibility.md'],
      ['Browsers', 'browsers.md'],
    ],
  ],
  [
    'Providers',
    [
      ['OpenAI Realtime', 'providers/openai-realtime.md'],
      ['Deepgram Voice Agent', 'providers/deepgram-agent.md'],
      ['Deepgram Listen', 'providers/deepgram-listen.md'],
      ['Deepgram Flux', 'providers/deepgram-flux.md'],
    ],
  ],
  [
    'Servers',
    [
      ['Backends', 'backends.md'],
      ['From a direct connection', 'migrate-to-a-relay.md'],
      ['Deployment', 'deployment.md'],
      ['Security', 'security.md'],
      ['Threat model', 'threat-model.md'],
      ['Incidents', 'incidents.md'],
      ['voicewire-relay', 'source/server/node/README.md'],
      ['voicewire-fastapi', 'source/server/fastapi/README.md'],
      ['voicewire-django', 'source/server/django/README.md'],
      ['voicewire-conformance', 'source/server/conformance/README.md'],
      ['voicewire-emulator', 'source/server/emulator/README.md'],
      ['Relay and token protocol', 'source/PROTOCOL.md'],
    ],
  ],
  [
    'Coming from',
    [
      ['@deepgram/browser-agent', 'coming-from/deepgram-browser-agent.md'],
      ['DeepgramVoiceInteraction', 'coming-from/deepgram-voice-interaction.md'],
      ['wavtools', 'coming-from/wavtools.md'],
      ['The ElevenLabs widget', 'coming-from/elevenlabs-widget.md'],
      ['The Vapi widget', 'coming-from/vapi-widget.md'],
    ],
  ],
  [
    'Reference',
    [
      ['Events', 'events.md'],
      ['Errors', 'errors.md'],
      ...Object.keys(ENTRIES).map((entry) => [entry, `reference/api/${apiPage(entry)}.md`]),
    ],
  ],
  [
    'Elements',
    elements().map(({ tagName }) => [`<${tagName}>`, `reference/elements/${tagName}.md`]),
    { collapsed: true },
  ],
  [
    'Project',
    [
      ['Architecture', 'architecture.md'],
      ['Contributing', 'source/CONTRIBUTING.md'],
      ['What is supported', 'support.md'],
    ],
  ],
]

/** @returns The sidebar as VitePress takes it. */
export function sidebar() {
  return GROUPS.map(([text, pages, options = { collapsed: false }]) => ({
    text,
    ...options,
    items: pages
      .filter(([, page]) => existsSync(`${DOCS}/${page}`))
      .map(([title, page]) => item(title, page)),
  }))
}

/** The links at the top. */
export const NAV = [
  item('Guide', 'getting-started.md', '^/(getting-started|concepts|elements|styling)'),
  item('Providers', 'providers/openai-realtime.md', '^/providers/'),
  item('Servers', 'backends.md', '^/(backends|security|deployment)'),
  item('API', 'reference/api/voicewire.md', '^/reference/'),
]

function item(text, page, activeMatch) {
  const escaped = text.replaceAll('<', '&lt;').replaceAll('>', '&gt;')
  return { text: escaped, link: `/${page.replace(/\.md$/, '')}`, ...(activeMatch && { activeMatch }) }
}
