/**
 * The elements in markup, for Svelte 5, and 4: `import 'voicewire/svelte'`, once in a project.
 *
 * Svelte 5 listens with `onstatechange={…}`, both listen with `on:statechange={…}`. The elements themselves are defined
 * by `import 'voicewire/elements'`.
 */
import type { HTMLAttributes } from 'svelte/elements'
import type { Elements } from './elements.js'

type Directives<Events> = {
  [Name in keyof Events & string as `on:${Name}`]?: ((event: Events[Name]) => void) | null | undefined
}

type Own<Tag extends keyof Elements> = Elements[Tag]['properties'] &
  Elements[Tag]['listeners'] &
  Directives<Elements[Tag]['events']>

type Attributes<Tag extends keyof Elements> = Omit<HTMLAttributes<Elements[Tag]['element']>, keyof Own<Tag>> &
  Own<Tag>

type VoicewireElements = { [Tag in keyof Elements]: Attributes<Tag> }

declare module 'svelte/elements' {
  interface SvelteHTMLElements extends VoicewireElements {}
}
