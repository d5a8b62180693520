/** `npm run size`: what each part of the packages weighs, beside its budget in `.size-limit.mjs`. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { environment, ROOT } from './environment.mjs'

/** @returns How many are within their budget, and how many are not; with the code of a command. */
export function checkSizes() {
  const { stdout, stderr } = spawnSync('size-limit', ['--json'], {
    cwd: ROOT,
    env: environment(),
    encoding: 'utf8',
  })
  let sizes
  try {
    sizes = JSON.parse(stdout)
  } catch {
    console.error(stdout + stderr)
    return { code: 1, passed: 0, failed: 1 }
  }
  for (const { name, size, sizeLimit, passed } of sizes) {
    console.log(`${passed ? '✔' : '✖'} ${kB(size)} of ${kB(sizeLimit)} kB: ${name}`)
  }
  const failed = sizes.filter(({ passed }) => !passed).length
  return { code: failed, passed: sizes.length - failed, failed }
}

function kB(bytes) {
  return (bytes / 1000).toFixed(2).padStart(5)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = checkSizes().code
