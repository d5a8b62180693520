/**
 * `npm run fuzz`: feeds parsers with what is invented, for longer than the tests do.
 *
 *     npm run fuzz -- relay-query --runs 100000 --seed 7
 *
 * Without a parser's name all of them; a seed that is not given is drawn, and printed.
 */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { ensureInstalled, fail, ROOT, run } from './environment.mjs'

const FOLDER = join(ROOT, 'test/fuzz')
/** Cases that only the comparison of all backends has; it runs where no parser is named. */
const SHARED = 'backend-bodies'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { runs: { type: 'string', default: '20000' }, seed: { type: 'string' } },
})
const seed = values.seed ?? String(Math.floor(Math.random() * 2 ** 31))
const parsers = readdirSync(join(FOLDER, 'corpus'))
  .filter((name) => name !== SHARED)
  .sort()
for (const [name, value] of Object.entries({ runs: values.runs, seed })) {
  if (!/^\d{1,10}$/.test(value)) fail(`--${name} must be a whole number: current value is ${value}`)
}
const unknown = positionals.find((name) => !parsers.includes(name))
if (unknown) fail(`there is no parser "${unknown}": choose from ${parsers.join(', ')}`)

ensureInstalled()
console.log(`FUZZ_SEED=${seed} FUZZ_RUNS=${values.runs}`)
const names = positionals.map((name) => `--test-name-pattern=^${name} holds`)
const files = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.test.ts'))
  .map((name) => `test/fuzz/${name}`)
const env = { FUZZ_SEED: seed, FUZZ_RUNS: values.runs }
process.exit(await run('node', ['--test', '--test-concurrency=2', ...names, ...files], { env }))
