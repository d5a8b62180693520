/**
 * The elements in JSX, for Preact: `import 'voicewire/preact'`, once in a project.
 *
 * Preact sets what an element has as a property, and all else as an attribute; `onstatechange={…}` listens to
 * `statechange`. The elements themselves are defined by `import 'voicewire/elements'`.
 */
import type { HTMLAttributes } from 'preact'
import type { Elements } from './elements.js'

type Own<Tag extends keyof Elements> = Elements[Tag]['properties'] & Elements[Tag]['listeners']

type Attributes<Tag extends keyof Elements> = Omit<HTMLAttributes<Elements[Tag]['element']>, keyof Own<Tag>> &
  Own<Tag>

type VoicewireElements = { [Tag in keyof Elements]: Attributes<Tag> }

declare module 'preact' {
  namespace JSX {
    interface IntrinsicElements extends VoicewireElements {}
  }
}
