/**
 * The elements in templates, for Vue 3.5 and later: `import 'voicewire/vue'`, once in a project.
 *
 * A template listens with `@statechange="…"`, and sets a property by its own name, as in `:sessionOptions="…"`. Vue
 * has to know that the tags are none of its components: `isCustomElement: (tag) => tag.startsWith('voice-')`. The
 * elements themselves are defined by `import 'voicewire/elements'`.
 */
import type { HTMLAttributes, PublicProps } from 'vue'
import type { Elements } from './elements.js'

type Listeners<Events> = {
  [Name in keyof Events & string as `on${Capitalize<Name>}`]?: ((event: Events[Name]) => void) | undefined
}

type Own<Tag extends keyof Elements> = Elements[Tag]['properties'] & Listeners<Elements[Tag]['events']>

/** What every element may have, and Vue's own types lack. */
interface Global {
  slot?: string | undefined
  part?: string | undefined
  exportparts?: string | undefined
}

/** What Vue takes for a component: a template checks its attributes by `$props`, and a ref gets the element. */
type Component<Tag extends keyof Elements> = new () => Elements[Tag]['element'] & {
  /** For templates only: an element has no such property. */
  $props: Omit<HTMLAttributes, keyof Own<Tag>> & Own<Tag> & Global & PublicProps
}

type VoicewireElements = { [Tag in keyof Elements]: Component<Tag> }

declare module 'vue' {
  interface GlobalComponents extends VoicewireElements {}
}
