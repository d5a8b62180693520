/**
 * The elements in JSX, for React 19 and later: `import 'voicewire/react'`, once in a project.
 *
 * React sets what an element has as a property, and all else as an attribute; `onstatechange={…}` listens to
 * `statechange`. The elements themselves are defined by `import 'voicewire/elements'`.
 */
import type { ClassAttributes, HTMLAttributes } from 'react'
import type { Elements } from './elements.js'

type Own<Tag extends keyof Elements> = Elements[Tag]['properties'] & Elements[Tag]['listeners']

type Attributes<Tag extends keyof Elements> = Omit<HTMLAttributes<Elements[Tag]['element']>, keyof Own<Tag>> &
  ClassAttributes<Elements[Tag]['element']> &
  Own<Tag>

type VoicewireElements = { [Tag in keyof Elements]: Attributes<Tag> }

declare module 'react' {
  namespace JSX {
    interface IntrinsicElements extends VoicewireElements {}
  }
}
