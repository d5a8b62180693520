/**
 * `npm test`: sets up what is missing, then runs everything. A part alone: `npm test -- unit`; the names of
 * the parts are in run-tests.mjs.
 */
import { ensureInstalled, run } from './environment.mjs'

ensureInstalled()
process.exit(await run('node', ['scripts/run-tests.mjs', ...process.argv.slice(2)]))
