/**
 * `npm run demos`: builds the apps in demo/vue, svelte, react and angular into .cache/demos, each with the tools of
 * its framework and with the package as npm installs it. Does nothing where nothing changed. One alone:
 * `npm run demos -- vue`.
 */
import { execFile } from 'node:child_process'
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { build } from './build.mjs'
import { ensureInstalled, fail, hash, isFresh, markFresh, ROOT } from './environment.mjs'
import { npm } from './published.mjs'

/** The apps by their folder in demo/, and what their frameworks are called. The last takes longest, so it begins. */
export const DEMOS = { vue: 'Vue', svelte: 'Svelte', react: 'React', angular: 'Angular' }

/** Where each lies when it is built, in a folder of its name. */
export const BUILT = join(ROOT, '.cache', 'demos')

/** As many as run at once on the smallest machines. */
const CONCURRENCY = 2

/** What an app takes from its neighbours. */
const SHARED = ['demo/app.css', 'demo/demo.css', 'demo/favicon.svg', 'scripts/demos.mjs', 'package.json']
const INSTALLED_FROM = ['package.json', 'package-lock.json', '.npmrc']

/** What is in a folder without being its source. */
const MADE = new Set(['node_modules', 'dist'])

const execute = promisify(execFile)

/** @returns Whether an app is there to be served. */
export function isBuilt(name) {
  return existsSync(join(BUILT, name, 'index.html'))
}

function folderOf(name) {
  return join(ROOT, 'demo', name)
}

function* files(path) {
  if (!statSync(path).isDirectory()) {
    yield path
    return
  }
  for (const name of readdirSync(path).sort()) if (!MADE.has(name)) yield* files(join(path, name))
}

function fingerprint(paths) {
  const all = paths.flatMap((path) => [...files(join(ROOT, path))])
  return hash(...all.flatMap((path) => [path.slice(ROOT.length), readFileSync(path)]))
}

async function install(name) {
  const folder = folderOf(name)
  const step = `demo-${name}-install`
  const inputs = fingerprint(INSTALLED_FROM.map((file) => `demo/${name}/${file}`))
  if (existsSync(join(folder, 'node_modules')) && isFresh(step, inputs)) return
  await npm(['install', '--no-save', '--prefer-offline', '--fetch-retries=1', '--loglevel=error'], folder)
  markFresh(step, inputs)
}

/** Packs the package as it would be published. @returns Where the package then lies. */
async function pack() {
  await npm(['pack', '--silent', '--pack-destination', join(ROOT, '.cache')], ROOT)
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  return join(ROOT, '.cache', `voicewire-${version}.tgz`)
}

/** Puts the newest package in place of the one that an app was installed with. */
async function refresh(name, tarball) {
  const target = join(folderOf(name), 'node_modules', 'voicewire')
  rmSync(join(target, 'dist'), { recursive: true, force: true })
  await execute('tar', ['-xzf', tarball, '--strip-components=1', '-C', target])
}

async function buildDemo(name, tarball) {
  const folder = folderOf(name)
  await install(name)
  await refresh(name, tarball)
  await npm(['run', 'build', '--silent'], folder)
  rmSync(join(BUILT, name), { recursive: true, force: true })
  cpSync(join(folder, 'dist'), join(BUILT, name), { recursive: true })
}

/**
 * Brings the apps up to date.
 *
 * @param names Keys of {@link DEMOS}; default all.
 * @returns The names of those that could not be built, which are no longer there; why was printed.
 */
export async function buildDemos(names = Object.keys(DEMOS)) {
  await build()
  const shared = [...SHARED, ...readdirSync(join(ROOT, 'dist')).map((file) => `dist/${file}`)]
  const stale = names
    .map((name) => ({ name, step: `demo-${name}`, inputs: fingerprint([`demo/${name}`, ...shared]) }))
    .filter(({ name, step, inputs }) => !isBuilt(name) || !isFresh(step, inputs))
  if (stale.length === 0) return []
  console.log(`Building ${stale.map(({ name }) => `demo/${name}`).join(', ')} …`)
  const tarball = await pack()
  const failed = []
  const worker = async () => {
    for (let next = stale.pop(); next; next = stale.pop()) {
      const { name, step, inputs } = next
      try {
        await buildDemo(name, tarball)
        markFresh(step, inputs)
      } catch (error) {
        rmSync(join(BUILT, name), { recursive: true, force: true })
        console.error(`demo/${name}: ${error.message}`)
        failed.push(name)
      }
    }
  }
  await Promise.all(Array.from({ length: CONCURRENCY }, worker))
  rmSync(tarball)
  return failed
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const names = process.argv.slice(2)
  const unknown = names.find((name) => !(name in DEMOS))
  if (unknown) fail(`there is no app "${unknown}": choose from ${Object.keys(DEMOS).join(', ')}`)
  ensureInstalled()
  const failed = await buildDemos(names.length > 0 ? names : undefined)
  if (failed.length > 0) fail(`${failed.join(', ')} could not be built: see the lines above`)
}
