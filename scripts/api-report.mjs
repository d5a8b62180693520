/**
 * `npm run api`: writes docs/api-report.txt, all that users of the packages can name, so that a change of it is seen in
 * review. It is read from the declarations that the build leaves.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from './build.mjs'
import { ensureInstalled, ROOT } from './environment.mjs'

export const REPORT = join(ROOT, 'docs/api-report.txt')

const ENTRIES = {
  voicewire: 'dist/types/src/index.d.ts',
  'voicewire/audio': 'dist/types/src/audio/index.d.ts',
  'voicewire/elements': 'dist/types/elements/index.d.ts',
  'voicewire/testing': 'dist/types/src/testing/index.d.ts',
  'voicewire-relay': 'server/node/dist/index.d.ts',
  'voicewire-emulator': 'server/emulator/dist/index.d.ts',
  'voicewire-conformance': 'server/conformance/dist/index.d.ts',
}

const RE_EXPORT = /export\s+(?:type\s+)?\{([^}]*)\}\s+from\s+'([^']+)'/g

/** @returns The report, from what was built last. */
export function apiReport() {
  const parts = Object.entries(ENTRIES).map(([entry, file]) => {
    const declarations = namesOf(join(ROOT, file)).map(({ name, from }) => declarationOf(name, from))
    return `## ${entry}\n\n${declarations.join('\n\n')}`
  })
  return `${parts.join('\n\n')}\n`
}

/** @returns Every name that a file exports from elsewhere, in the order of the alphabet. */
function namesOf(file) {
  const names = [...readFileSync(file, 'utf8').matchAll(RE_EXPORT)].flatMap(([, list, from]) =>
    list
      .split(',')
      .map((name) => name.trim().replace(/^type\s+/, ''))
      .filter((name) => name !== '')
      .map((name) => ({ name, from: join(dirname(file), from.replace(/\.[jt]s$/, '.d.ts')) })),
  )
  return names.sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** @returns The declaration of a name without its comments, wherever the file has it from. */
function declarationOf(name, file) {
  const text = readFileSync(file, 'utf8').replaceAll(/\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/.*$/gm, '')
  const start = new RegExp(
    `^export (declare )?(abstract )?(class|interface|type|function|const) ${name}\\b`,
    'm',
  )
  const found = start.exec(text)
  if (!found) {
    const other = [...text.matchAll(RE_EXPORT)].find(([, list]) => new RegExp(`\\b${name}\\b`).test(list))
    if (!other) throw new Error(`Cannot find the declaration of ${name} in ${file}`)
    return declarationOf(name, join(dirname(file), other[2].replace(/\.[jt]s$/, '.d.ts')))
  }
  const block = /class|interface/.test(found[3])
  const declaration = text.slice(found.index, endOf(text, found.index, block))
  return declaration
    .split('\n')
    .filter((line) => line.trim() !== '' && !/^\s*(#private;|private )/.test(line))
    .join('\n')
}

/** @returns Where a declaration ends: with the brace of a block, else with its semicolon. */
function endOf(text, from, block) {
  let depth = 0
  for (let at = from; at < text.length; at++) {
    const character = text[at]
    if ('{(['.includes(character)) depth++
    if ('})]'.includes(character)) depth--
    if (depth === 0 && character === (block ? '}' : ';')) return at + 1
  }
  return text.length
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  ensureInstalled()
  await build()
  writeFileSync(REPORT, apiReport())
}
