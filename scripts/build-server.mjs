/** `npm run build` of a server's package: compiles the working directory's `src` into an empty `dist`. */
import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { nameDeclarationsAsPublished } from './declarations.mjs'

// Nothing that has no source any more may be published.
rmSync('dist', { recursive: true, force: true })
const { status } = spawnSync('tsc', ['-p', 'tsconfig.json'], {
  stdio: 'inherit',
  shell: process.platform === 'win32',
})
if (status !== 0) process.exit(status ?? 1)
nameDeclarationsAsPublished('dist')
