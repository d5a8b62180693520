/** Runs all parts of the tests, or those named as arguments; on the project's own Node. */
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ensureChromium } from './browser.mjs'
import { build } from './build.mjs'
import { buildDemos, DEMOS } from './demos.mjs'
import { buildDocs } from './docs.mjs'
import { fail, ROOT, run } from './environment.mjs'
import { runLanes } from './lanes.mjs'
import {
  ensureDeployPrograms,
  ensureFirefox,
  ensurePrograms,
  ensureWebKit,
  firefoxAdvice,
  webkitAdvice,
} from './packages.mjs'
import { installPublished } from './published.mjs'
import { ensureAllPython, ensurePython, pythonBackends, testPython } from './python.mjs'
import { checkSizes } from './sizes.mjs'
import { checkSkipped } from './support.mjs'

const CACHE = join(ROOT, '.cache')
/** Where tests of the relay record what it lets out; the part `secrets` looks through it. */
const RELAY_OUTPUT = join(CACHE, 'relay-output')
const TYPES = [
  '.',
  'src/audio/worklets',
  'server/node',
  'server/emulator',
  'server/conformance',
  'test',
  'test/types/frameworks',
  'bench',
]

/** Whole processes: relays behind proxies, a real Redis, packages as they are published. They take their time. */
const OPERATION = [
  'server/node/test/{init,proxies,rolling-restart,state-redis,state-relays}.test.ts',
  'test/published.test.ts',
]

/** The apps in several frameworks, which are built first. */
const APPS = ['test/e2e/frameworks.test.ts']

/** What Firefox does too: every way through a conversation that a user has, and what is seen of it. */
const IN_FIREFOX =
  'test/e2e/{adapters,congestion,controls,direct,documents,failures,hostile-page,layouts,server-rendering,start,tools,worklets}.test.ts'

/** The suite that judges relays, judged by faulty ones; mostly it waits, so it must not hold up the other modules. */
const CONFORMANCE = 'server/conformance/test/*.test.ts'

/** Parsers that meet the network, on a corpus and on what is invented; more of it: `npm run fuzz`. */
function fuzzTests() {
  const seed = process.env.FUZZ_SEED ?? '1'
  console.log(`FUZZ_SEED=${seed}`)
  for (const name of pythonBackends()) ensurePython(name) // they are compared with
  return nodeTests('fuzz', ['test/fuzz/*.test.ts'], { env: { FUZZ_SEED: seed } })()
}

/** Longer than any file takes, so that what stands still is told of, and not waited for. */
const MOST_MS = 10 * 60_000

/** Files of node:test, whose totals come from a TAP report beside the readable one. */
function nodeTests(name, patterns, { concurrency = 2, env = {}, exclude = [] } = {}) {
  return async () => {
    const files = globSync(patterns, { cwd: ROOT, exclude }).sort()
    if (files.length === 0) fail(`no tests were found for ${name}`)
    const tap = join(CACHE, `${name}.tap`)
    const options = [
      '--test',
      `--test-concurrency=${concurrency}`,
      `--test-timeout=${MOST_MS}`,
      '--test-reporter=spec',
      '--test-reporter-destination=stdout',
      '--test-reporter=tap',
      `--test-reporter-destination=${tap}`,
    ]
    const code = await run('node', [...options, ...files], { env })
    const report = readFileSync(tap, 'utf8')
    const count = (word) => Number(new RegExp(`^# ${word} (\\d+)$`, 'm').exec(report)?.[1] ?? 0)
    return { code, passed: count('pass'), failed: count('fail') + count('cancelled') }
  }
}

/** The tests of modules; what the relays in them let out is recorded anew. */
async function unitTests() {
  rmSync(RELAY_OUTPUT, { recursive: true, force: true })
  const patterns = ['test/*.test.ts', 'server/*/test/*.test.ts']
  return nodeTests('unit', patterns, { env: { RELAY_OUTPUT }, exclude: [...OPERATION, CONFORMANCE] })()
}

async function browserTests({ config = 'web-test-runner.config.mjs', name = 'browser' } = {}) {
  const totals = join(CACHE, `${name}-totals.json`)
  rmSync(totals, { force: true })
  const code = await run('web-test-runner', ['--config', config])
  try {
    return { code, ...JSON.parse(readFileSync(totals, 'utf8')) }
  } catch {
    // The runner ended before it had totals: it said why.
    return { code: code || 1, passed: 0, failed: 1 }
  }
}

/** Both suites in Firefox, where there is one, and what was skipped there against what is said of it. */
async function firefoxTests() {
  const advice = firefoxAdvice()
  if (advice) {
    if (process.env.CI) fail(advice)
    console.log(`Skipped: ${advice}`)
    return { code: 0, passed: 0, failed: 0 }
  }
  const unit = await browserTests({ config: 'web-test-runner.firefox.config.mjs', name: 'firefox' })
  const env = { TEST_BROWSER: 'firefox' }
  const whole = await nodeTests('firefox-e2e', [IN_FIREFOX], { concurrency: 1, env })()
  // Without totals the runner has said why.
  const problems = unit.skipped ? checkSkipped('Firefox ESR') : []
  for (const problem of problems) console.error(problem)
  return {
    code: unit.code || whole.code || problems.length,
    passed: unit.passed + whole.passed,
    failed: unit.failed + whole.failed + problems.length,
  }
}

/** Most unit tests in WebKit, where there is one, and what was skipped there against what is said of it. */
async function webkitTests() {
  const advice = webkitAdvice()
  if (advice) {
    if (process.env.CI) fail(advice)
    console.log(`Skipped: ${advice}`)
    return { code: 0, passed: 0, failed: 0 }
  }
  const unit = await browserTests({ config: 'web-test-runner.webkit.config.mjs', name: 'webkit' })
  const problems = unit.skipped ? checkSkipped('WebKitGTK') : []
  for (const problem of problems) console.error(problem)
  return { ...unit, code: unit.code || problems.length, failed: unit.failed + problems.length }
}

/** A step that is one check: it passes or fails as a whole. */
function check(command, ...args) {
  return async () => {
    const code = await run(command, args)
    return { code, passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1 }
  }
}

async function types() {
  const codes = []
  for (const project of TYPES) codes.push(await run('tsc', ['-p', project, '--noEmit']))
  codes.push(await run('node', ['scripts/manifest.mjs', '--check']))
  const failed = codes.filter((code) => code !== 0).length
  return { code: failed, passed: codes.length - failed, failed }
}

/** Each app counts as built or not; where all are, they are tried in the browser. */
async function demos() {
  const broken = await buildDemos()
  if (broken.length > 0)
    return { code: 1, passed: Object.keys(DEMOS).length - broken.length, failed: broken.length }
  const tried = await nodeTests('demos', APPS, { concurrency: 1 })()
  return { ...tried, passed: tried.passed + Object.keys(DEMOS).length }
}

/** The site counts as built or not; where it is, its pages are looked through. */
async function docs() {
  const code = await buildDocs()
  if (code !== 0) return { code, passed: 0, failed: 1 }
  const looked = await nodeTests('docs', ['test/site/*.test.ts'])()
  return { ...looked, passed: looked.passed + 1 }
}

/** The backends in Python, at the same time: their tests mostly wait. */
async function pythonTests() {
  const total = { code: 0, passed: 0, failed: 0 }
  for (const { code, passed, failed } of await Promise.all(pythonBackends().map(testPython))) {
    total.code = Math.max(total.code, code)
    total.passed += passed
    total.failed += failed
  }
  return total
}

/** What is published, in the hands of a stranger: installed, built with, judged and released. */
async function packages() {
  ensurePython('packaging')
  await installPublished()
  return nodeTests('packages', ['test/packages/*.test.ts'], { concurrency: 1 })()
}

/** Tests that also start what is written in Python, which says so where it is missing. */
function withPython(tests) {
  return () => {
    ensureAllPython()
    return tests()
  }
}

/** The deployment kit: judged by the programs that read it, and run as processes of this machine. */
function deploy() {
  ensureDeployPrograms()
  ensurePython('deploy')
  return nodeTests('deploy', ['test/deploy/*.test.ts'], { env: { RELAY_OUTPUT } })()
}

const PARTS = {
  lint: check('biome', 'check', '--error-on-warnings', '.'),
  types,
  size: checkSizes,
  unit: unitTests,
  fuzz: fuzzTests,
  // Its files mostly wait.
  conformance: nodeTests('conformance', [CONFORMANCE], { concurrency: 4 }),
  operation: nodeTests('operation', OPERATION, { env: { RELAY_OUTPUT } }),
  python: pythonTests,
  backends: withPython(nodeTests('backends', ['test/backends/*.test.ts'], { env: { RELAY_OUTPUT } })),
  deploy,
  secrets: nodeTests('secrets', ['server/*/test-after/*.test.ts']),
  browser: () => browserTests(),
  firefox: firefoxTests,
  webkit: webkitTests,
  snippets: withPython(nodeTests('snippets', ['test/docs/*.test.ts'])),
  clients: withPython(nodeTests('clients', ['test/official-clients/*.test.ts'])),
  e2e: nodeTests('e2e', ['test/e2e/*.test.ts'], { concurrency: 1, exclude: APPS }),
  demos,
  packages,
  docs,
  survival: nodeTests('survival', ['test/survival/*.test.ts'], { concurrency: 1 }),
}

/**
 * What runs beside one another where everything runs: the first lane mostly waits for processes and sockets, the
 * second for a browser. No core is idle then. `secrets` comes behind those whose relays it looks after.
 */
const LANES = [
  [
    'lint',
    'types',
    'size',
    'unit',
    'operation',
    'backends',
    'deploy',
    'secrets',
    'python',
    'clients',
    'fuzz',
    'snippets',
    'docs',
  ],
  ['browser', 'e2e', 'demos', 'packages', 'survival'],
]

/** It judges by the clock, so nobody may keep it waiting. */
const LAST = ['conformance']

/** What begins before the environments of Python are there. */
const UNPREPARED = new Set(['lint', 'types', 'size', 'unit', 'operation', 'browser', 'e2e'])

/** What takes as long as all others together, and has jobs of its own in CI. */
const BY_NAME = ['firefox', 'webkit']

const asked = process.argv.slice(2)
const unknown = asked.find((name) => !(name in PARTS))
if (unknown) fail(`there is no part "${unknown}": choose from ${Object.keys(PARTS).join(', ')}`)
const placed = [...LANES, LAST, BY_NAME].flat()
const unplaced = Object.keys(PARTS).find((name) => placed.filter((one) => one === name).length !== 1)
if (unplaced)
  fail(`the part "${unplaced}" must be in one lane of scripts/run-tests.mjs, in LAST or in BY_NAME`)

/** Where this process is one of several, that which started it has prepared all, and is told the total. */
const report = process.env.VOICEWIRE_PART_REPORT
/** What parts would set up for themselves, and must not do at the same time. */
let prepared
if (!report) {
  const whole = asked.length === 0
  process.env.CHROMIUM_PATH = await ensureChromium()
  ensurePrograms()
  if (whole || asked.some((part) => ['e2e', 'firefox'].includes(part))) ensureFirefox()
  if (asked.includes('webkit')) ensureWebKit()
  if (whole) ensureDeployPrograms()
  if (whole) prepared = run('node', ['scripts/prepare.mjs'])
  await build()
}
mkdirSync(CACHE, { recursive: true })

async function runParts(names) {
  const results = []
  for (const name of names) {
    const started = performance.now()
    console.log(`\n── ${name} ──`)
    const result = await PARTS[name]()
    console.log(`${name}: ${((performance.now() - started) / 1000).toFixed(1)} s`)
    results.push({ name, ...result })
  }
  return results
}

const results = await (asked.length > 0
  ? runParts(Object.keys(PARTS).filter((name) => asked.includes(name)))
  : runLanes(LANES, (name) => UNPREPARED.has(name) || prepared, LAST))
const broken = results.filter(({ code, failed }) => code !== 0 || failed > 0)
const passed = results.reduce((sum, result) => sum + result.passed, 0)
// One that ended badly without a failed test has failed all the same.
const failed = broken.reduce((sum, result) => sum + Math.max(1, result.failed), 0)
if (report) {
  writeFileSync(report, JSON.stringify({ passed, failed }))
} else {
  if (asked.length === 0) console.log(`\nBy its name alone: ${BY_NAME.join(', ')}`)
  if (broken.length > 0) console.log(`\nFailed: ${broken.map(({ name }) => name).join(', ')}`)
  console.log(`\n${passed} passed, ${failed} failed`)
}
process.exit(broken.length > 0 ? 1 : 0)
