import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { judgeWith } from '../src/judge.ts'
import { environmentFor } from '../src/print-env.ts'
import { readSettings } from '../src/settings.ts'
import { Upstream } from '../src/upstream.ts'

const COMMAND = fileURLToPath(new URL('../../node/bin/voicewire-relay.mjs', import.meta.url))

test('voicewire-relay passes the full profile, started with what --print-env says', async (t) => {
  const upstream = await Upstream.start(0)
  t.after(() => upstream.close())
  const variables = { ...environmentFor('full', { upstreamPort: upstream.port }), PORT: '0' }
  const child = spawn(process.execPath, [COMMAND], { env: variables, stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => child.kill('SIGKILL'))
  const exited = once(child, 'exit')
  const lines = createInterface({ input: child.stdout })
  const [line] = (await once(lines, 'line')) as [string]
  lines.on('line', () => {}) // log lines are of no interest here, and must not fill the pipe
  const relay = /(http:\/\/\S+)$/.exec(line)![1]!
  const verdicts = await judgeWith(
    readSettings({ relay, upstreamPort: upstream.port, variables, pid: child.pid }),
    upstream,
  )
  assert.deepEqual(
    verdicts.filter(({ result }) => result === 'fail' || result === 'warning'),
    [],
  )
  assert.deepEqual(
    verdicts.filter(({ result }) => result === 'skipped').map(({ id }) => id),
    ['paths/prefix', 'upstream/not-configured', 'service/unauthenticated'],
  )
  assert.deepEqual(await exited, [0, null])
})
