/** Finds the programs beside Node that the tests and the bench start, or gets them. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fail } from './environment.mjs'

/** Where a Debian user who is not root does not look. */
const SYSTEM_FOLDERS = ['/usr/sbin', '/usr/local/sbin']

/** Each program, and Debian's package that has it. */
const PACKAGES = {
  'redis-server': 'redis-server',
  haproxy: 'haproxy',
  nginx: 'nginx',
  openssl: 'openssl',
  curl: 'curl',
}

function installed(program) {
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...SYSTEM_FOLDERS]
  return folders.some((folder) => existsSync(join(folder, program)))
}

/** Installs Debian's packages, where this is Debian and root. No service is left running by it. */
export function installDebianPackages(packages) {
  if (process.getuid?.() !== 0 || spawnSync('apt-get', ['--version']).status !== 0) return
  console.log(`Installing ${packages.join(', ')} from Debian’s packages (once; about a minute) …`)
  // RUNLEVEL: a server's package would start it at once, and take its well-known port.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' }
  spawnSync('apt-get', ['update', '-qq'], { env })
  spawnSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], { env })
}

/** Installs what the tests in Firefox need, where it can; they say so where it is missing, and all else runs. */
export function ensureFirefox() {
  if (process.platform !== 'linux') return
  const firefox = process.env.FIREFOX_PATH || installed('firefox') || installed('firefox-esr')
  // Firefox's sound stands still where there is no device and no sound server.
  const missing = [...(firefox ? [] : ['firefox-esr']), ...(installed('pulseaudio') ? [] : ['pulseaudio'])]
  if (missing.length > 0) installDebianPackages(missing)
}

/** Each program of the tests in WebKit, and Debian's package that has it. */
const WEBKIT_PACKAGES = { WebKitWebDriver: 'webkit2gtk-driver', Xvfb: 'xvfb' }

/** Installs what the tests in WebKit need, where it can; they say so where it is missing, and all else runs. */
export function ensureWebKit() {
  if (process.platform !== 'linux') return
  const missing = Object.keys(WEBKIT_PACKAGES).filter((program) => !installed(program))
  if (missing.length > 0) installDebianPackages(missing.map((program) => WEBKIT_PACKAGES[program]))
}

/** @returns What is missing for the tests in WebKit, and what to do; null where nothing is. */
export function webkitAdvice() {
  if (process.platform !== 'linux') return 'WebKitGTK is for Linux: the tests in WebKit run there'
  const missing = Object.keys(WEBKIT_PACKAGES).find((program) => !installed(program))
  return missing ? `${missing} was not found: install ${WEBKIT_PACKAGES[missing]}` : null
}

/** Of the part `deploy`: what judges and runs the deployment kit. */
const DEPLOY_PACKAGES = {
  prometheus: 'prometheus',
  promtool: 'prometheus',
  kubectl: 'kubernetes-client',
  'systemd-analyze': 'systemd',
}

/** Installs what the deployment kit is tried with, where it can; tests without it say so, and on CI they fail. */
export function ensureDeployPrograms() {
  const missing = () => Object.keys(DEPLOY_PACKAGES).filter((program) => !installed(program))
  const packages = new Set(missing().map((program) => DEPLOY_PACKAGES[program]))
  if (packages.size > 0) installDebianPackages([...packages])
  const rest = missing()
  if (rest.length > 0)
    console.log(`voicewire: ${rest.join(', ')} could not be installed. Tests that need it are left out.`)
}

/** @returns What is missing for the tests in Firefox, and what to do; null where nothing is. */
export function firefoxAdvice() {
  if (!process.env.FIREFOX_PATH && !installed('firefox') && !installed('firefox-esr'))
    return 'Firefox was not found: install firefox-esr, or set FIREFOX_PATH'
  if (process.platform === 'linux' && !installed('pulseaudio'))
    return 'PulseAudio was not found: install pulseaudio'
  return null
}

/** Ends the process with advice where a program is missing and cannot be installed. */
export function ensurePrograms() {
  const missing = () => Object.keys(PACKAGES).filter((program) => !installed(program))
  if (missing().length === 0) return
  installDebianPackages(missing().map((program) => PACKAGES[program]))
  const rest = missing()
  if (rest.length === 0) return
  fail(
    `${rest.join(', ')} was not found: install it, for instance with "sudo apt-get install ${rest.join(' ')}" or "brew install ${rest.join(' ').replace('redis-server', 'redis')}"`,
  )
}
