import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const ADVICE =
  'Python 3.11 or later with its module venv is needed for the backends in Python: install it, for instance with "sudo apt-get install python3 python3-venv" or "brew install python"'

const run = promisify(execFile)

/** Runs Node where no other program can be found, so no Python. @returns What it printed. */
async function runWithoutPython(t: TestContext, args: readonly string[]): Promise<string> {
  const empty = mkdtempSync(join(tmpdir(), 'voicewire-without-python-'))
  t.after(() => rmSync(empty, { recursive: true, force: true }))
  // Nor NODE_TEST_CONTEXT, by which a runner of tests takes itself for a part of another.
  const { stdout } = await run(process.execPath, args, { cwd: ROOT, env: { PATH: empty } })
  return stdout
}

test('testPython() says what to install where there is no Python, and fails nothing', async (t) => {
  const script =
    'const { testPython } = await import("./scripts/python.mjs"); console.log(await testPython("fastapi"))'
  const printed = await runWithoutPython(t, ['--input-type=module', '--eval', script])
  assert.deepEqual(printed.trim().split('\n'), [
    `voicewire: ${ADVICE}. Tests of fastapi are left out.`,
    '{ code: 0, passed: 0, failed: 0 }',
  ])
})

test('Backends in Python are skipped with that reason where they would be judged or talked through', async (t) => {
  const files = ['test/backends/conformance.test.ts', 'test/official-clients/backends.test.ts']
  const options = ['--test', '--test-reporter=tap', '--test-name-pattern=voicewire-(fastapi|django)']
  const printed = await runWithoutPython(t, [...options, ...files])
  const skipped = printed.split('\n').filter((line) => line.includes('# SKIP'))
  for (const name of ['voicewire-fastapi', 'voicewire-django']) {
    const own = skipped.filter((line) => line.includes(name) && line.endsWith(`# SKIP ${ADVICE}`))
    assert.ok(own.length >= 2, printed)
  }
  assert.match(printed, /^# fail 0$/m)
  assert.match(printed, /^# pass 0$/m)
})
