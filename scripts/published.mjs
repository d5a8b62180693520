/** Packs the npm packages as they would be published, and installs them as a stranger would, for tests. */
import { execFile } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { environment, hash, isFresh, markFresh, ROOT } from './environment.mjs'

/** What is published to npm, by name, and the folder of each. */
export const PACKAGES = {
  voicewire: '.',
  'voicewire-relay': 'server/node',
  'voicewire-emulator': 'server/emulator',
  'voicewire-conformance': 'server/conformance',
}

/** The project that they are installed into, which else has only the tools that build pages. */
export const PROJECT = join(ROOT, '.cache', 'packages', 'project')

/** Where the packages lie as they would be published. */
const TARBALLS = join(ROOT, '.cache', 'packages', 'tarballs')
const TEMPLATE = join(ROOT, 'test', 'packages', 'app')

const windows = process.platform === 'win32'
const execute = promisify(execFile)

/** @returns The path of a package as it would be published. */
export function tarballOf(name) {
  const { version } = JSON.parse(readFileSync(join(ROOT, PACKAGES[name], 'package.json'), 'utf8'))
  return join(TARBALLS, `${name}-${version}.tgz`)
}

/** Runs a command of npm. @throws {Error} With what it printed, where it fails. */
export async function npm(args, cwd) {
  try {
    return await execute('npm', args, { cwd, env: environment(), shell: windows, maxBuffer: 2 ** 26 })
  } catch (error) {
    const { stdout, stderr } = error
    throw new Error([`npm ${args.join(' ')} failed`, stdout, stderr].filter(Boolean).join('\n').trim(), {
      cause: error,
    })
  }
}

/** Packs what was built last. The scripts of the packages would build it once more. */
export async function packAll() {
  rmSync(TARBALLS, { recursive: true, force: true })
  mkdirSync(TARBALLS, { recursive: true })
  // One after the other: asked for all at once npm looks at every workspace of the project.
  for (const folder of Object.values(PACKAGES)) {
    await npm(
      ['pack', '--silent', '--offline', '--ignore-scripts', '--pack-destination', TARBALLS],
      join(ROOT, folder),
    )
  }
}

/** Without a network npm would try again for a long time before it says so. */
export const IMPATIENT = [
  '--fetch-retries=1',
  '--fetch-retry-mintimeout=500',
  '--fetch-retry-maxtimeout=2000',
]
const INSTALL = ['install', '--no-save', '--prefer-offline', '--loglevel=error', ...IMPATIENT]

/** Brings the project up to date: the tools once, the packages where they changed. */
export async function installPublished() {
  await packAll()
  cpSync(TEMPLATE, PROJECT, { recursive: true, filter: (path) => !path.endsWith('node_modules') })
  const tools = hash(
    ...['package.json', 'package-lock.json'].map((file) => readFileSync(join(TEMPLATE, file))),
  )
  const modules = join(PROJECT, 'node_modules')
  const tarballs = Object.keys(PACKAGES).map(tarballOf)
  const packages = hash(tools, ...tarballs.map((path) => readFileSync(path)))
  const there = existsSync(modules)
  if (there && isFresh('packages-installed', packages)) return
  if (!there || !isFresh('packages-tools', tools)) {
    console.log('Installing the tools that build pages (once; about half a minute) …')
    await npm(INSTALL, PROJECT)
    markFresh('packages-tools', tools)
  }
  // Under a version that is there already npm would leave what is there.
  for (const name of Object.keys(PACKAGES)) rmSync(join(modules, name), { recursive: true, force: true })
  await npm([...INSTALL, ...tarballs], PROJECT)
  const missing = Object.keys(PACKAGES).filter((name) => !readdirSync(modules).includes(name))
  if (missing.length > 0) throw new Error(`npm did not install ${missing.join(', ')}`)
  markFresh('packages-installed', packages)
}
