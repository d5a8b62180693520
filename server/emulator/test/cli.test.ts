import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { TestClient } from './support/client.ts'
import { openaiKey } from './support/openai.ts'

const CLI = fileURLToPath(new URL('../src/cli.ts', import.meta.url))

function start(context: TestContext, env: Record<string, string>): { child: ChildProcess; lines: string[] } {
  const child = spawn(process.execPath, [CLI], { env: { PATH: process.env['PATH'], ...env } })
  context.after(() => child.kill('SIGKILL'))
  const lines: string[] = []
  for (const stream of [child.stdout!, child.stderr!]) {
    createInterface(stream).on('line', (line) => {
      lines.push(line)
      child.emit('line', line)
    })
  }
  return { child, lines }
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`the command prints one line when ready, and ${signal} closes its sessions and exits with 0`, async (context) => {
    const { child, lines } = start(context, { PORT: '0' })
    const [line] = await once(child, 'line')
    const url = /^voicewire-emulator listens on (http:\/\/127\.0\.0\.1:\d+)$/.exec(line)?.[1]
    assert.ok(url, line)
    const protocols = ['realtime', `openai-insecure-api-key.${openaiKey()}`]
    const client = new TestClient(
      `${url.replace('http', 'ws')}/v1/realtime?model=gpt-realtime-2.1`,
      protocols,
    )
    await client.next('session.created')
    child.kill(signal)
    const [code] = await once(child, 'exit')
    assert.equal(code, 0)
    assert.equal((await client.closed).code, 1001)
    assert.equal(lines.length, 1, lines.join('\n'))
  })
}

test('the command says in one line that a port is taken', async (context) => {
  const first = start(context, { PORT: '0' })
  const [line] = await once(first.child, 'line')
  const port = /\d+$/.exec(line)![0]
  const second = start(context, { PORT: port })
  const [code] = await once(second.child, 'close')
  assert.equal(code, 1)
  assert.deepEqual(second.lines, [
    `Cannot listen as PORT must be free: current value is ${port}, which is taken`,
  ])
})

test('the command says in one line what PORT must be', async (context) => {
  const { child, lines } = start(context, { PORT: '80a' })
  const [code] = await once(child, 'close')
  assert.equal(code, 1)
  assert.deepEqual(lines, ['Cannot listen as PORT must be a number from 0 to 65535: current value is 80a'])
})
