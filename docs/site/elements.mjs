/** The reference of the elements, from custom-elements.json. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { ROOT } from './places.mjs'

/** Each kind of thing that a page can use of an element: where the manifest has it, and what of it is told. */
const SECTIONS = [
  ['Attributes', 'attributes', ['name', 'value']],
  ['Properties', 'properties', ['name', 'value']],
  ['Methods', 'methods', ['signature', 'description']],
  ['Events', 'events', ['name', 'value']],
  ['Slots', 'slots', ['slot', 'description']],
  ['States', 'cssStates', ['state', 'description']],
  ['Parts', 'cssParts', ['name', 'description']],
  ['Custom properties', 'cssProperties', ['name', 'description']],
]

/** What a column holds, of one entry of the manifest. */
const COLUMNS = {
  name: ({ name }) => code(name),
  slot: ({ name }) => (name ? code(name) : 'default'),
  state: ({ name }) => code(`:state(${name})`),
  description: ({ description = '' }) => description,
  // Beside each other these would leave one another no room.
  value: ({ type, description = '', ...entry }) => {
    const plain = entry.default === undefined || entry.default === 'null'
    return `${code(typeOf(type))}${plain ? '' : `, default ${code(entry.default)}`}<br>${description}`
  },
  signature: ({ name, parameters = [], return: result }) => {
    const list = parameters.map((one) => `${one.name}${one.optional ? '?' : ''}: ${typeOf(one.type)}`)
    return code(`${name}(${list.join(', ')}): ${typeOf(result?.type) || 'void'}`)
  },
}

/** @returns The elements in the manifest, in the order of the alphabet, but `<voice-agent>` first. */
export function elements() {
  const { modules } = JSON.parse(readFileSync(`${ROOT}/custom-elements.json`, 'utf8'))
  const found = modules
    .flatMap(({ declarations }) => declarations)
    .filter(({ customElement }) => customElement)
  return found.sort((a, b) => orderOf(a).localeCompare(orderOf(b)))
}

/** Writes a page for each element, and one that lists them. */
export function writeElements(folder) {
  mkdirSync(folder, { recursive: true })
  const all = elements()
  for (const element of all) writeFileSync(`${folder}/${element.tagName}.md`, pageOf(element))
  const rows = all.map(
    ({ tagName, description }) => `| [\`<${tagName}>\`](${tagName}.md) | ${cell(firstOf(description))} |`,
  )
  const text = `# Elements\n\nAll that a page can use of each element. What they are for is told in [Elements](../../elements.md).\n\n| element | |\n|---|---|\n${rows.join('\n')}\n`
  writeFileSync(`${folder}/index.md`, text)
}

function orderOf({ tagName }) {
  return tagName === 'voice-agent' ? '' : tagName
}

function pageOf(element) {
  const fields = element.members.filter(({ kind, privacy }) => kind === 'field' && privacy !== 'private')
  const parts = {
    ...element,
    properties: fields,
    methods: element.members.filter(({ kind }) => kind === 'method'),
  }
  const sections = SECTIONS.filter(([, key]) => parts[key]?.length > 0).map(([title, key, columns]) => {
    const rows = parts[key].map(
      (entry) => `| ${columns.map((column) => cell(COLUMNS[column](entry))).join(' | ')} |`,
    )
    const head = `| ${columns.map(headOf).join(' | ')} |\n|${'---|'.repeat(columns.length)}`
    return `## ${title}\n\n${head}\n${rows.join('\n')}\n`
  })
  const { tagName, name, description } = element
  const bundler = `\`import 'voicewire/elements/${tagName}.js'\` defines it alone; the class is \`${name}\`.`
  return `# \`<${tagName}>\`\n\n${escaped(description)}\n\n${bundler}\n\n${sections.join('\n')}`
}

function headOf(column) {
  return (
    { slot: 'name', state: 'selector', signature: 'method', description: '', value: '' }[column] ?? column
  )
}

function firstOf(description) {
  return description.split('\n\n')[0]
}

function typeOf(type) {
  return (type?.text ?? '').replaceAll(/\s+/g, ' ').replace(/^\| /, '')
}

function code(text) {
  return text ? `\`${text}\`` : ''
}

/** A cell of a table, on one line. */
function cell(text) {
  return escaped(text.replaceAll(/\s+/g, ' ').replaceAll('|', '\\|'))
}

/** Outside code, what looks like a tag would be one. */
function escaped(text) {
  return text
    .split(/(`[^`]*`)/)
    .map((part, index) => (index % 2 ? part : part.replaceAll(/<(?!br>)/g, '&lt;')))
    .join('')
}
