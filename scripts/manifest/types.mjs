/** Writes the types that the declarations for frameworks in frameworks/ have in common. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../environment.mjs'
import { elementsOf } from './elements.mjs'

/** Where a type of an event can be imported from by those who have the package. */
const ENTRIES = { voicewire: 'src/index.ts', 'voicewire/elements': 'elements/index.ts' }

/** @returns The declarations: of each element its properties and attributes, its events, and listeners for them. */
export function elementTypes(manifest) {
  const elements = elementsOf(manifest)
  const parts = [
    '/** What every framework is told of the elements; made from custom-elements.json. */',
    imports(elements).join('\n'),
    ...elements.flatMap(interfaces),
    type('All elements, by their tags.', 'Elements', elements.map(entry)),
  ]
  return `${parts.join('\n\n')}\n`
}

function imports(elements) {
  const names = elements.flatMap(({ events = [] }) =>
    events.flatMap(({ type }) => type.text.replace(/'[^']*'/g, '').match(/\b[A-Z]\w*/g) ?? []),
  )
  const exported = Object.entries(ENTRIES).flatMap(([entry, file]) => {
    const text = readFileSync(join(ROOT, file), 'utf8')
    const found = [...new Set(names)].filter((name) => new RegExp(`\\b${name}\\b`).test(text)).sort()
    return found.length > 0 ? `import type { ${found.join(', ')} } from '${entry}'` : []
  })
  const classes = elements.map(
    ({ name, path }) => `import type { ${name} } from '${path.replace('dist', 'voicewire')}'`,
  )
  return [...exported, ...classes]
}

function interfaces({ name, members = [], attributes = [], events = [] }) {
  const fields = members.filter(({ kind, readonly }) => kind === 'field' && !readonly)
  const names = new Set(fields.map((field) => field.name))
  const settable = [
    ...fields.map((field) => ({ ...field, type: { text: `${name}['${field.name}']` } })),
    ...attributes
      .filter((attribute) => !names.has(attribute.name))
      .map((attribute) => {
        const { fieldName } = attribute
        return names.has(fieldName) ? { ...attribute, type: { text: `${name}['${fieldName}']` } } : attribute
      }),
  ]
  const listeners = events.map((event) => ({
    ...event,
    name: `on${event.name}`,
    type: { text: `((event: ${name}Events['${event.name}']) => void) | null` },
  }))
  const about = `{@link ${name}}`
  return [
    type(
      `Properties of ${about}, and its attributes where those have another name.`,
      `${name}Properties`,
      settable.map(optional),
    ),
    type(`Events of ${about}.`, `${name}Events`, events.map(field)),
    type(`Listeners of ${about}.`, `${name}Listeners`, listeners.map(optional)),
  ]
}

function entry({ tagName, name, description }) {
  const types = ['properties', 'events', 'listeners'].map(
    (each) => `  ${each}: ${name}${each[0].toUpperCase()}${each.slice(1)}`,
  )
  return `${comment(description)}\n'${tagName}': {\n${[`  element: ${name}`, ...types].join('\n')}\n}`
}

function type(description, name, fields) {
  const body = fields.length > 0 ? `{\n${fields.join('\n').replace(/^(?=.)/gm, '  ')}\n}` : '{}'
  return `${comment(description)}\nexport interface ${name} ${body}`
}

function field({ name, description, type }) {
  return `${comment(description)}\n${key(name)}: ${type.text}`
}

function optional({ name, description, type }) {
  return `${comment(description)}\n${key(name)}?: ${type.text} | undefined`
}

function key(name) {
  return /\W/.test(name) ? `'${name}'` : name
}

function comment(text) {
  const safe = text.replaceAll('*/', '*\\/')
  return safe.includes('\n')
    ? `/**\n${safe.replace(/^/gm, ' * ').replace(/ +$/gm, '')}\n */`
    : `/** ${safe} */`
}
