import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { relayError } from '../src/providers/relay-errors.ts'

const ROOT = new URL('../', import.meta.url)
const read = (path: string) => readFileSync(new URL(path, ROOT), 'utf8')

const PROTOCOL = read('PROTOCOL.md')
const TESTS = ['server/node/test/**/*.test.ts', 'test/official-clients/*.test.ts', 'test/e2e/*.test.ts']

/** Requirements that no test can cite yet, each with its reason. A test that cites one has to take it out here. */
const NOT_YET: Readonly<Record<string, string>> = {}

/** Variables of the protocol that the configuration does not read yet. */
const NOT_READ_YET: string[] = []

/** Variables that the command reads before the configuration. */
const OF_THE_COMMAND = ['VOICEWIRE_CONFIG']

/** The captures of every match, in the order of the text. */
function matches(text: string, pattern: RegExp): string[][] {
  return [...text.matchAll(pattern)].map(([, ...captures]) => captures)
}

/** What stands between two texts. */
function between(text: string, start: string, end: string): string {
  const from = text.indexOf(start)
  const to = text.indexOf(end, from + start.length)
  assert.ok(from >= 0 && to >= 0, `there is no ${start}`)
  return text.slice(from + start.length, to)
}

const requirements = new Map(
  matches(PROTOCOL, /^- \*\*(R-[A-Z]+-\d+)\*\* (.+)$/gm).map(([id = '', text = '']) => [id, text]),
)

/** Code, statuses and close codes, as both tables write them. */
interface CodeRow {
  readonly code: string
  readonly where: readonly string[]
  readonly what: string
}

function protocolRows(): (CodeRow & { readonly again: string })[] {
  const table = PROTOCOL.slice(PROTOCOL.indexOf('## 20. Codes'))
  const pattern = /^\| `(\w+)` +\| ([^|]+)\| ([^|]+)\| ([^|]+)\| (\w+) +\|$/gm
  return matches(table, pattern).map(([code = '', http = '', close = '', what = '', again = '']) => ({
    code,
    where: `${http} ${close}`.match(/\d+/g) ?? [],
    what: what.trim(),
    again,
  }))
}

function documentedRows(): CodeRow[] {
  const pattern = /^ \* \| `(\w+)` \| ([^|]+) \| ([^|]+) \|$/gm
  return matches(read('server/node/src/codes.ts'), pattern).map(([code = '', where = '', what = '']) => ({
    code,
    where: where.match(/\d+/g) ?? [],
    what,
  }))
}

test('PROTOCOL.md and codes.ts have one table of codes, and the type has the same codes', () => {
  const rows = protocolRows().map(({ again: _, ...row }) => row)
  assert.ok(rows.length > 40)
  assert.deepEqual(rows, documentedRows())
  const type = between(read('server/node/src/codes.ts'), 'export type RelayCode =', '\n\n')
  assert.deepEqual(
    matches(type, /'(\w+)'/g).flat(),
    rows.map(({ code }) => code),
  )
})

test('relayError() knows the same codes, and tries again where PROTOCOL.md says later', () => {
  const list = between(read('src/providers/relay-errors.ts'), 'const CODES', '\n}')
  const rows = protocolRows()
  assert.deepEqual(
    matches(list, /^ {2}(\w+):/gm).flat(),
    rows.map(({ code }) => code),
  )
  for (const { code, again } of rows) {
    assert.match(again, /^(no|later|ticket)$/, code)
    assert.equal(relayError(code, '')?.error.retryable, again === 'later', code)
  }
})

test('PROTOCOL.md, the README and the configuration have the same variables', () => {
  const section = between(PROTOCOL, '## 19. Configuration', '## 20.')
  const rows = matches(section, /^\| `([A-Z_]+)` +\| (yes|) *\|/gm)
  const named = rows.map(([name = '']) => name)
  const needed = rows.filter(([, extension]) => extension === '').map(([name = '']) => name)
  const schema = between(read('server/node/src/config-schema.ts'), 'const schema = z.object({', '\n})')
  const keys = matches(schema, /^ {2}([A-Z_]+):/gm).flat()
  assert.equal(new Set(named).size, named.length)
  assert.deepEqual(
    keys.filter((key) => !named.includes(key)),
    [],
    'PROTOCOL.md lacks them',
  )
  assert.deepEqual(needed.filter((name) => !keys.includes(name)).toSorted(), NOT_READ_YET)
  const readme = read('server/node/README.md')
  assert.deepEqual(
    keys.filter((key) => !readme.includes(`\`${key}\``) && key !== 'NODE_ENV'),
    [],
    'the README lacks them',
  )
  const environment = between(readme, '## Environment', '\n## ')
  const told = matches(environment, /^\| (`[^|]+`) +\|/gm).flatMap(
    ([cell = '']) => cell.match(/[A-Z_]{4,}/g) ?? [],
  )
  assert.ok(told.length > 20)
  assert.deepEqual(
    told.filter((name) => !keys.includes(name) && !OF_THE_COMMAND.includes(name)),
    [],
    'nothing reads them',
  )
})

test('PROTOCOL.md gives each requirement one id, and refers to those that exist', () => {
  const all = matches(PROTOCOL, /^- \*\*(R-[A-Z]+-\d+)\*\*/gm).flat()
  assert.ok(all.length > 100)
  assert.equal(new Set(all).size, all.length)
  assert.equal(requirements.size, all.length)
  for (const [id = ''] of matches(PROTOCOL, /(R-[A-Z]+-\d+)/g)) assert.ok(requirements.has(id), id)
})

test('PROTOCOL.md requires nothing that no test proves', () => {
  const cited = new Set<string>()
  for (const file of TESTS.flatMap((pattern) => globSync(pattern, { cwd: ROOT }))) {
    for (const [id = ''] of matches(read(file), /\b(R-[A-Z]+-\d+)\b/g)) {
      assert.ok(requirements.has(id), `${file} cites ${id}, which there is not`)
      cited.add(id)
    }
  }
  const must = [...requirements].filter(([, text]) => text.includes('MUST')).map(([id]) => id)
  assert.deepEqual(
    must.filter((id) => !cited.has(id)).toSorted(),
    Object.keys(NOT_YET).toSorted(),
    'what no test cites is what is listed above, no more and no less',
  )
})
