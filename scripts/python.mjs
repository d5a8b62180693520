/** Finds a Python for what is written in it, and makes each such thing an environment of its own. */
import { spawnSync } from 'node:child_process'
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { environment, hash, isFresh, markFresh, ROOT, run } from './environment.mjs'
import { installDebianPackages } from './packages.mjs'

/** The backends in Python: folders of `server/` with a pyproject.toml, whose extra `test` has what tests need. */
const BACKENDS = ['fastapi', 'django']

/** Environments of nobody's package: the lists of what is in them. */
const LISTS = {
  'openai-client': join(ROOT, 'test/official-clients/openai-python/requirements.txt'),
  deploy: join(ROOT, 'test/deploy/requirements.txt'),
  packaging: join(ROOT, 'test/packages/python/requirements.txt'),
}

/** What became of each environment that was asked for: what is missing stays so, and is said once. */
const tried = new Map()

const NAMES = ['python3', 'python3.14', 'python3.13', 'python3.12', 'python3.11', 'python']
const MIN_VERSION = [3, 11]
const ADVICE =
  'Python 3.11 or later with its module venv is needed for the backends in Python: install it, for instance with "sudo apt-get install python3 python3-venv" or "brew install python"'

/** The backends that are there. */
export function pythonBackends() {
  return BACKENDS.filter((name) => existsSync(join(folderOf(name), 'pyproject.toml')))
}

/** Where a backend's code is. */
export function folderOf(name) {
  return join(ROOT, 'server', name)
}

/** What is in an environment: the file that says it, and pip's arguments for it. */
function contentsOf(name) {
  if (name in LISTS) return { manifest: LISTS[name], wanted: ['--requirement', LISTS[name]] }
  const folder = folderOf(name)
  return { manifest: join(folder, 'pyproject.toml'), wanted: ['--editable', `${folder}[test]`] }
}

/** An environment as it is or would be: `.cache/python/<name>`. */
function describeEnvironment(name) {
  const python = installed()
  const folder = join(ROOT, '.cache', 'python', name)
  const bin = join(folder, process.platform === 'win32' ? 'Scripts' : 'bin')
  const { manifest, wanted } = contentsOf(name)
  const step = `python-${name}`
  const fingerprint = python && hash(readFileSync(manifest), python.version)
  const fresh = python !== null && existsSync(bin) && isFresh(step, fingerprint)
  return { python, folder, wanted, step, fingerprint, fresh, program: (command) => join(bin, command) }
}

/**
 * Finds an environment, and installs nothing: what tests ask, which run at the same time.
 *
 * @returns `program`, which gives the path of a program in it by its name, and `missing`: why it cannot be used and
 * what to do, undefined where it can.
 */
export function pythonEnvironment(name) {
  const { python, fresh, program } = describeEnvironment(name)
  if (python === null) return { program, missing: ADVICE }
  const missing = fresh
    ? undefined
    : `The environment ${name} is not there: "npm test -- ${name === 'deploy' ? name : 'backends'}" makes it, or says what is in the way`
  return { program, missing }
}

/**
 * Makes an environment where it is not there yet: of a backend the package itself (editable) and what its
 * pyproject.toml asks for, of others what their list has.
 *
 * @returns The path of a program in it by its name, such as `program('pytest')`; null where there is no Python, or
 * its packages cannot be had, which has then been said.
 */
export function ensurePython(name) {
  if (!tried.has(name)) tried.set(name, makeEnvironment(name))
  return tried.get(name)
}

function makeEnvironment(name) {
  if (installed() === null) installDebianPackages(['python3', 'python3-venv'])
  const { python, folder, wanted, step, fingerprint, fresh, program } = describeEnvironment(name)
  if (python === null) return missing(name, ADVICE)
  if (fresh) return program
  console.log(`Installing what ${name} in Python needs (once; about half a minute) …`)
  if (!succeeds(python.path, ['-m', 'venv', '--clear', folder])) return missing(name, ADVICE)
  const install = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check']
  if (!succeeds(program('python'), [...install, ...wanted])) {
    return missing(
      name,
      `what ${name} needs could not be installed: check the network or pip’s index, then run this again`,
    )
  }
  markFresh(step, fingerprint)
  return program
}

/** Makes the environments of all backends and of the client in Python, before tests run that use them. */
export function ensureAllPython() {
  for (const name of [...pythonBackends(), 'openai-client']) ensurePython(name)
}

/**
 * Checks and tests a backend: ruff, mypy, pytest. What they print is shown in the end, in one piece.
 *
 * @returns As every part of the tests; nothing passed and nothing failed where there is no Python.
 */
export async function testPython(name) {
  const program = ensurePython(name)
  if (program === null) return { code: 0, passed: 0, failed: 0 }
  const report = join(ROOT, '.cache', `python-${name}.xml`)
  const printed = join(ROOT, '.cache', `python-${name}.txt`)
  const output = openSync(printed, 'w')
  const options = { cwd: folderOf(name), stdio: ['ignore', output, output] }
  const checks = [
    await run(program('ruff'), ['check', '--quiet', '.'], options),
    await run(program('ruff'), ['format', '--check', '--quiet', '.'], options),
    await run(program('mypy'), [], options),
  ]
  const code = await run(program('pytest'), ['--quiet', `--junit-xml=${report}`], options)
  closeSync(output)
  console.log(`server/${name}:\n${readFileSync(printed, 'utf8').trimEnd()}`)
  const tests = code > 1 ? { passed: 0, failed: 1 } : totals(readFileSync(report, 'utf8'))
  const broken = checks.filter((one) => one !== 0).length
  return {
    code: Math.max(code, ...checks),
    passed: checks.length - broken + tests.passed,
    failed: broken + tests.failed,
  }
}

/** Of pytest's report in the format of JUnit. */
function totals(report) {
  const count = (word) => Number(new RegExp(`<testsuite [^>]*\\b${word}="(\\d+)"`).exec(report)?.[1] ?? 0)
  const failed = count('failures') + count('errors')
  return { passed: count('tests') - count('skipped') - failed, failed }
}

/** The first Python that is recent enough and can make environments; null: there is none. */
function installed() {
  for (const path of NAMES) {
    const code = 'import ensurepip, sys, venv; print(*sys.version_info[:3])'
    const { status, stdout } = spawnSync(path, ['-c', code], { encoding: 'utf8', env: environment() })
    if (status !== 0) continue
    const version = stdout.trim().split(' ').map(Number)
    const [major, minor] = MIN_VERSION
    if (version[0] > major || (version[0] === major && version[1] >= minor)) {
      return { path, version: version.join('.') }
    }
  }
  return null
}

function succeeds(command, args) {
  const { status } = spawnSync(command, args, { stdio: ['ignore', 'ignore', 'inherit'], env: environment() })
  return status === 0
}

function missing(name, message) {
  console.log(`voicewire: ${message}. Tests of ${name} are left out.`)
  return null
}
