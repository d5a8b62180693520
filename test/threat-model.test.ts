import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../', import.meta.url))
const MODEL = readFileSync(`${ROOT}docs/threat-model.md`, 'utf8')
const SECURITY = readFileSync(`${ROOT}docs/security.md`, 'utf8')

/** A threat: its letter, what it is, what holds, where in the code, and what shows it. */
interface Threat {
  readonly letter: string
  readonly threat: string
  readonly mitigation: string
  readonly code: readonly string[]
  readonly tests: readonly string[]
}

function threatsOf(section: string): Threat[] {
  const rows = section.split('\n').filter((line) => /^\| [STRIDE] /.test(line))
  return rows.map((row) => {
    const [letter = '', threat = '', mitigation = '', code = '', tests = ''] = row
      .split('|')
      .slice(1)
      .map((cell) => cell.trim())
    return { letter, threat, mitigation, code: pathsIn(code), tests: pathsIn(tests) }
  })
}

function pathsIn(cell: string): string[] {
  return [...cell.matchAll(/`([\w./-]+)`/g)].map(([, path = '']) => path)
}

const boundaries = MODEL.split(/^### (?=B\d)/m).slice(1)

test('every boundary of the diagram has its threats, and none is left out', () => {
  const drawn = [...new Set(MODEL.split('```')[1]!.match(/\bB\d\b/g))].sort()
  assert.deepEqual(
    drawn,
    boundaries.map((section) => section.slice(0, 2)),
  )
  for (const section of boundaries) assert.ok(threatsOf(section).length >= 3, section.slice(0, 40))
})

test('every threat has a mitigation, its code, and a test that are there', () => {
  for (const { threat, mitigation, code, tests } of boundaries.flatMap(threatsOf)) {
    assert.ok(mitigation !== '' && code.length > 0 && tests.length > 0, threat)
    for (const path of [...code, ...tests]) assert.ok(existsSync(ROOT + path), `${threat}: ${path}`)
    for (const path of tests) assert.match(path, /\.test\.ts$|\/test_\w+\.py$/)
  }
})

test('docs/security.md cites rules and tests that are there', () => {
  const rules = globSync('server/conformance/src/rules/*.ts', { cwd: ROOT })
    .map((file) => read(file))
    .join()
  const titles = globSync('server/node/test/*.test.ts', { cwd: ROOT })
    .map((file) => read(file))
    .join()
  const proofs = SECURITY.split('\n').flatMap((line) =>
    line.startsWith('|') ? [line.split('|')[3] ?? ''] : [],
  )
  for (const [, rule = ''] of proofs.join().matchAll(/`([a-z]+\/[a-z-]+)`/g)) {
    const [group, name] = rule.split('/')
    assert.ok(
      rules.includes(`'${rule}'`) || (rules.includes(`'${group}`) && rules.includes(`${name}'`)),
      rule,
    )
  }
  for (const [, title = ''] of proofs.join().matchAll(/“([^”]+)”/g)) {
    assert.ok(
      titles.replaceAll("\\'", "'").includes(title.replaceAll('’', "'")) || titles.includes(title),
      title,
    )
  }
})

function read(file: string): string {
  return readFileSync(ROOT + file, 'utf8')
}
