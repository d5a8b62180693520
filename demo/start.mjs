/** `npm start`: installs and builds what is missing, then serves the demo on one URL. */

import { spawn } from 'node:child_process'
import { ensureInstalled, environment, fail, ROOT } from '../scripts/environment.mjs'

ensureInstalled()
const child = spawn('node', ['demo/server.mjs'], { cwd: ROOT, stdio: 'inherit', env: environment() })
child.on('error', (error) => fail(`the demo could not be started: ${error.message}`))
child.on('exit', (code) => process.exit(code ?? 0))
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal))
