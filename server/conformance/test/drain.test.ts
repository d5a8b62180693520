import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { judgeWith } from '../src/judge.ts'
import { environmentFor } from '../src/print-env.ts'
import { readSettings } from '../src/settings.ts'
import { Upstream } from '../src/upstream.ts'
import type { Fault } from './mutants/faults.ts'

const MAIN = fileURLToPath(new URL('mutants/main.ts', import.meta.url))

test('drain/sigterm passes a relay that ends as the protocol has it', async (t) => {
  assert.equal(await resultOf(t, []), 'pass')
})

test('drain/sigterm catches a relay that warns nobody', async (t) => {
  assert.equal(await resultOf(t, ['drains-silently']), 'fail')
})

async function resultOf(t: TestContext, faults: readonly Fault[]): Promise<string | undefined> {
  const upstream = await Upstream.start(0)
  t.after(() => upstream.close())
  const variables = { ...environmentFor('full', { upstreamPort: upstream.port }), DRAIN_SECONDS: '1' }
  const env = { ...variables, FAULTS: faults.join(',') }
  const child = spawn(process.execPath, [MAIN], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => child.kill('SIGKILL'))
  const [relay] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
  const options = { relay, upstreamPort: upstream.port, variables, pid: child.pid, only: ['drain/sigterm'] }
  const [verdict] = await judgeWith(readSettings(options), upstream)
  return verdict?.result
}
