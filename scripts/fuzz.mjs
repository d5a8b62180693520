/**
 * `npm run fuzz`: feeds parsers with what is invented, for longer than the tests do.
 *
 *     npm run fuzz -- relay-query --runs 100000 --seed 7
 *
 * Without a parser's name all of them; a seed that is not given is drawn, and printed.
 */
import { globSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { ensureInstalled, fail, ROOT, run } from './environment.mjs'

const CORPUS = join(ROOT, 'test/fuzz/corpus')

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { runs: { type: 'string', default: '20000' }, seed: { type: 'string' } },
})
const seed = values.seed ?? String(Math.floor(Math.random() * 2 ** 31))
const parsers = readdirSync(CORPUS).sort()
for (const [name, value] of Object.entries({ runs: values.runs, seed })) {
  if (!/^\d{1,10}$/.test(value)) fail(`--${name} must be a whole number: current value is ${value}`)
}
const unknown = positionals.find((name) => !parsers.includes(name))
if (unknown) fail(`there is no parser "${unknown}": choose from ${parsers.join(', ')}`)

ensureInstalled()
console.log(`FUZZ_SEED=${seed} FUZZ_RUNS=${values.runs}`)
const names = positionals.map((name) => `--test-name-pattern=^${name} holds`)
const files = globSync('test/fuzz/*.test.ts', { cwd: ROOT }).sort()
const env = { FUZZ_SEED: seed, FUZZ_RUNS: values.runs }
process.exit(await run('node', ['--test', '--test-concurrency=2', ...names, ...files], { env }))
