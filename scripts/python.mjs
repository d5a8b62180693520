/** Finds a Python for the backends in `server/`, and makes each of them an environment of its own. */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { environment, hash, isFresh, markFresh, ROOT, run } from './environment.mjs'
import { installDebianPackages } from './packages.mjs'

/** The backends in Python: folders of `server/` with a pyproject.toml, whose extra `test` has what tests need. */
const BACKENDS = ['fastapi', 'django']

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

/**
 * Makes the environment of a backend where it is not there yet: `.cache/python/<name>`, with the package itself
 * (editable) and what its pyproject.toml asks for.
 *
 * @returns The path of a program in it by its name, such as `program('pytest')`; null where there is no Python, or
 * its packages cannot be had, which has then been said.
 */
export function ensurePython(name) {
  const folder = join(ROOT, '.cache', 'python', name)
  const bin = join(folder, process.platform === 'win32' ? 'Scripts' : 'bin')
  const program = (command) => join(bin, command)
  const python = findPython()
  if (python === null) return missing(ADVICE)
  const manifest = readFileSync(join(folderOf(name), 'pyproject.toml'))
  const step = `python-${name}`
  const fingerprint = hash(manifest, python.version)
  if (existsSync(bin) && isFresh(step, fingerprint)) return program
  console.log(`Installing what server/${name} needs (once; about half a minute) …`)
  if (!succeeds(python.path, ['-m', 'venv', '--clear', folder])) return missing(ADVICE)
  const install = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check']
  if (!succeeds(program('python'), [...install, '--editable', `${folderOf(name)}[test]`])) {
    return missing(
      `what server/${name} needs could not be installed: check the network or pip’s index, then run this again`,
    )
  }
  markFresh(step, fingerprint)
  return program
}

/**
 * Checks and tests a backend: ruff, mypy, pytest.
 *
 * @returns As every part of the tests; nothing passed and nothing failed where there is no Python.
 */
export async function testPython(name) {
  const program = ensurePython(name)
  if (program === null) return { code: 0, passed: 0, failed: 0 }
  const cwd = folderOf(name)
  const report = join(ROOT, '.cache', `python-${name}.xml`)
  const checks = [
    await run(program('ruff'), ['check', '--quiet', '.'], { cwd }),
    await run(program('ruff'), ['format', '--check', '--quiet', '.'], { cwd }),
    await run(program('mypy'), [], { cwd }),
  ]
  const code = await run(program('pytest'), ['--quiet', `--junit-xml=${report}`], { cwd })
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

function findPython() {
  const found = installed()
  if (found !== null) return found
  installDebianPackages(['python3', 'python3-venv'])
  return installed()
}

/** The first Python that is recent enough and can make environments. */
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

function missing(message) {
  console.log(`voicewire: ${message}. Its tests are left out.`)
  return null
}
