import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** Rooms from the foundation up. A module may import from its own room and from those that its row names. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  'audio-format': [],
  util: ['errors', 'audio-format'],
  events: ['errors', 'audio-format'],
  audio: ['util', 'errors', 'events', 'audio-format'],
  providers: ['util', 'errors', 'events', 'audio-format'],
  transport: ['util', 'errors', 'events', 'audio-format'],
  auth: ['util', 'errors', 'events', 'audio-format'],
  session: ['audio', 'providers', 'transport', 'auth', 'util', 'errors', 'events', 'audio-format'],
  index: ['session', 'audio', 'providers', 'transport', 'auth', 'util', 'errors', 'events', 'audio-format'],
  elements: ['index', 'providers'],
  // Beside the elements: no row names it, so nothing that a page loads can import it.
  testing: ['index', 'audio', 'util'],
}

const IMPORT =
  /(?:^|\n)\s*(?:import|export)\s[^'"`;]*?from\s*['"]([^'"]+)['"]|\bimport\s*\(?\s*['"]([^'"]+)['"]/g

/** @returns The room of a file, by its path from the root. */
function room(file: string): string {
  if (file.startsWith('elements/')) return 'elements'
  if (file === 'src/audio/audio-format.ts') return 'audio-format'
  const [, folder = '', rest] = /^src\/([^/]+?)(?:\.ts)?(\/.*)?$/.exec(file) ?? []
  assert.ok(folder in MAY_IMPORT, `${file} is in no known room${rest ?? ''}`)
  return folder
}

/** The one module that loads adapters: by `import()`, so that a page has only the one that it needs. */
const LOADER = 'elements/internal/adapters.ts'

interface Edge {
  readonly from: string
  readonly to: string
  /** Whether it is an `import()`. */
  readonly lazy: boolean
}

const files = globSync('{src,elements}/**/*.ts', { cwd: ROOT })
const packages: Edge[] = []
const edges: Edge[] = []
for (const from of files) {
  for (const [matched, statement, call] of readFileSync(join(ROOT, from), 'utf8').matchAll(IMPORT)) {
    const specifier = statement ?? call ?? ''
    const lazy = call !== undefined && matched.startsWith('import(')
    if (specifier.startsWith('.'))
      edges.push({ from, to: relative(ROOT, join(ROOT, dirname(from), specifier)), lazy })
    else packages.push({ from, to: specifier, lazy })
  }
}

test('layers: the reader of imports finds them all', () => {
  assert.ok(files.length > 20)
  assert.ok(
    edges.some(({ from, to }) => from.endsWith('session-engine.ts') && to === 'src/session/connection.ts'),
  )
  assert.ok(
    edges.some(({ from, to }) => from === 'src/events.ts' && to === 'src/errors.ts'),
    'type-only imports too',
  )
})

test('layers: an import goes down or stays in its room', () => {
  const upward = edges.filter(
    ({ from, to }) => room(from) !== room(to) && !MAY_IMPORT[room(from)]?.includes(room(to)),
  )
  assert.deepEqual(upward, [])
})

test('layers: elements import the core through its index only, but for adapters, which they load', () => {
  const inside = edges.filter(
    ({ from, to, lazy }) =>
      from.startsWith('elements/') &&
      !/^(elements\/|src\/index\.ts$)/.test(to) &&
      !(lazy && from === LOADER && to.startsWith('src/providers/')),
  )
  assert.deepEqual(inside, [])
})

test('layers: no import cycles', () => {
  const next = Map.groupBy(edges, ({ from }) => from)
  const done = new Set<string>()
  const visit = (file: string, trail: readonly string[]): void => {
    assert.ok(!trail.includes(file), `cycle: ${[...trail.slice(trail.indexOf(file)), file].join(' → ')}`)
    if (done.has(file)) return
    for (const { to } of next.get(file) ?? []) visit(to, [...trail, file])
    done.add(file)
  }
  for (const file of files) visit(file, [])
})

test('layers: the browser package depends on nanoevents and lit alone', () => {
  const strangers = packages.filter(({ from, to }) => {
    const allowed = from.startsWith('elements/') ? /^lit($|\/)/ : /^nanoevents$/
    return !allowed.test(to)
  })
  assert.deepEqual(strangers, [])
})

test('layers: the core knows no Lit and no page at import', () => {
  for (const file of files.filter((path) => path.startsWith('src/'))) {
    const text = readFileSync(join(ROOT, file), 'utf8')
    assert.doesNotMatch(text, /^(?:const|let) .*\b(?:document|window|navigator|customElements)\b/m, file)
  }
})
