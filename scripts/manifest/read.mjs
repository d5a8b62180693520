/** Reads the elements' sources. */
import { cli } from '@custom-elements-manifest/analyzer/cli.js'
import { ROOT } from '../environment.mjs'
import { elementsOf } from './elements.mjs'

/** What a reader of a manifest wants to know of each thing. */
const KINDS = ['attributes', 'members', 'events', 'slots', 'cssParts', 'cssProperties', 'cssStates']

/**
 * @returns The manifest of the elements, by the schema of custom-elements-manifest 2.
 * @throws {Error} If an element or something of it has no description, or an event no type.
 */
export async function readManifest() {
  const manifest = await cli({ argv: ['analyze', '--quiet'], cwd: ROOT, noWrite: true })
  for (const element of elementsOf(manifest)) assertDescribed(element)
  return manifest
}

function assertDescribed({ tagName, description, ...element }) {
  const told = (name, lacking) =>
    new Error(
      `Cannot describe <${tagName}> as ${name} must have ${lacking} in its comment: current value is none`,
    )
  if (!description) throw told('the class', 'a description')
  for (const kind of KINDS) {
    for (const { name, description } of element[kind] ?? []) {
      if (!description) throw told(name || 'the default slot', 'a description')
    }
  }
  const untyped = element.events?.find(({ type }) => !type?.text)
  if (untyped) throw told(`@fires ${untyped.name}`, 'a type')
}
