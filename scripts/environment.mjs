/** What the two commands need before anything of the project can run: plain Node 20, no dependencies. */
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('..', import.meta.url))
const CACHE = join(ROOT, '.cache')
const MIN_NODE = 20

/** Ends the process with one line that says what is wrong and what to do. */
export function fail(message) {
  console.error(`voicewire: ${message}`)
  process.exit(1)
}

/** The environment of child processes: the project's own Node first on the path. */
export function environment(extra = {}) {
  return {
    ...process.env,
    PATH: `${join(ROOT, 'node_modules', '.bin')}${delimiter}${process.env.PATH}`,
    ...extra,
  }
}

/** Whether a step's inputs are as they were when it last succeeded. */
export function isFresh(step, fingerprint) {
  const file = join(CACHE, step)
  return existsSync(file) && readFileSync(file, 'utf8') === fingerprint
}

export function markFresh(step, fingerprint) {
  mkdirSync(CACHE, { recursive: true })
  writeFileSync(join(CACHE, step), fingerprint)
}

export function hash(...parts) {
  const sum = createHash('sha256')
  for (const part of parts) sum.update(part)
  return sum.digest('hex')
}

/** Installs the dependencies that the lock file names, where they are not installed yet. */
export function ensureInstalled() {
  if (Number(process.versions.node.split('.')[0]) < MIN_NODE) {
    fail(
      `Node ${MIN_NODE} or later is needed, this is ${process.versions.node}: install one from https://nodejs.org`,
    )
  }
  const fingerprint = hash(readFileSync(join(ROOT, 'package-lock.json')))
  if (existsSync(join(ROOT, 'node_modules', '.bin', 'node')) && isFresh('install', fingerprint)) return
  console.log('Installing dependencies (once; about half a minute) …')
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'
  // Not `npm ci`: it refuses a lock file that was written where a package of another platform was missing.
  const args = ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error']
  // Without a network npm would try again for minutes before it says so.
  args.push(
    '--prefer-offline',
    '--fetch-retries=1',
    '--fetch-retry-mintimeout=500',
    '--fetch-retry-maxtimeout=2000',
  )
  const result = spawnSync(npm, args, { cwd: ROOT, encoding: 'utf8', shell: process.platform === 'win32' })
  if (result.error) fail('npm was not found: install it with Node, then run this again')
  if (result.status !== 0) {
    const output = `${result.stdout}\n${result.stderr}`
    if (/ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|network/i.test(output)) {
      fail(
        'the dependencies could not be downloaded: check the network or npm’s registry setting, then run this again',
      )
    }
    console.error(output.trim())
    fail('npm install failed: see the lines above')
  }
  markFresh('install', fingerprint)
}

/** Runs a command of the project to its end. @returns Its exit code. */
export function run(command, args, { env = {}, ...options } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: ROOT, stdio: 'inherit', env: environment(env), ...options })
    child.on('error', (error) => {
      console.error(`voicewire: ${command} could not be started: ${error.message}`)
      resolve(127)
    })
    child.on('exit', (code, signal) => resolve(signal ? 128 : code))
  })
}
