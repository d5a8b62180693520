/**
 * `npm run bench`: sets up what is missing, measures everything, and writes the tables of bench/README.md.
 * A part alone: `npm run bench -- resampler`; the names of the parts are in bench/run.ts.
 */
import { ensureChromium } from './browser.mjs'
import { build } from './build.mjs'
import { ensureInstalled, run } from './environment.mjs'
import { ensurePrograms } from './packages.mjs'

ensureInstalled()
const CHROMIUM_PATH = await ensureChromium()
ensurePrograms()
await build()
const code = await run('node', ['bench/run.ts', ...process.argv.slice(2)], { env: { CHROMIUM_PATH } })
await run('biome', ['check', '--write', '--log-level=error', 'bench/README.md'])
process.exit(code)
