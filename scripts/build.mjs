/** Builds the browser package into dist/, and the servers into theirs. Does nothing where nothing changed. */
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { nameDeclarationsAsPublished } from './declarations.mjs'
import { ensureInstalled, fail, hash, isFresh, markFresh, ROOT, run } from './environment.mjs'
import { writeDescriptions } from './manifest.mjs'

const INPUTS = [
  'src',
  'elements',
  'frameworks',
  'custom-elements.json',
  'server/node/src',
  'server/emulator/src',
  'server/conformance/src',
  'scripts/build.mjs',
  'scripts/declarations.mjs',
  'scripts/manifest.mjs',
  'scripts/manifest',
  'server/node/tsconfig.json',
  'server/emulator/tsconfig.json',
  'server/conformance/tsconfig.json',
  'rollup.config.mjs',
  'package.json',
  'package-lock.json',
  'tsconfig.base.json',
  'tsconfig.build.json',
]
const SERVERS = ['server/node', 'server/emulator', 'server/conformance']
const OUTPUTS = ['dist/voice-agent.js', ...SERVERS.map((folder) => `${folder}/dist/cli.js`)]

function* files(path) {
  if (!statSync(path).isDirectory()) {
    yield path
    return
  }
  for (const name of readdirSync(path).sort()) yield* files(join(path, name))
}

function fingerprint() {
  const paths = INPUTS.flatMap((input) => [...files(join(ROOT, input))])
  return hash(...paths.flatMap((path) => [path.slice(ROOT.length), readFileSync(path)]))
}

async function step(name, command, args) {
  const code = await run(command, args, { stdio: ['ignore', 'inherit', 'inherit'] })
  if (code !== 0) fail(`${name} failed: see the lines above`)
}

/** Brings every build output up to date. */
export async function build() {
  const inputs = fingerprint()
  if (OUTPUTS.every((path) => existsSync(join(ROOT, path))) && isFresh('build', inputs)) return
  console.log('Building …')
  for (const folder of ['dist', ...SERVERS.map((server) => `${server}/dist`)]) {
    rmSync(join(ROOT, folder), { recursive: true, force: true })
  }
  await Promise.all([
    step('Bundling', 'rollup', ['--config', 'rollup.config.mjs', '--silent']),
    step('Writing types', 'tsc', ['-p', 'tsconfig.build.json']),
    step('Compiling the relay', 'tsc', ['-p', 'server/node']),
    step('Compiling the emulator', 'tsc', ['-p', 'server/emulator']),
    step('Compiling the conformance suite', 'tsc', ['-p', 'server/conformance']),
  ])
  for (const folder of ['dist/types', ...SERVERS.map((server) => `${server}/dist`)]) {
    nameDeclarationsAsPublished(join(ROOT, folder))
  }
  writeDescriptions()
  markFresh('build', inputs)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  ensureInstalled()
  await build()
}
