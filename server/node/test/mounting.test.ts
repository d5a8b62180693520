import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { WebSocket } from 'ws'
import { issueTicket } from '../src/index.ts'
import { connect, Upstream } from './support/peers.ts'
import { recordChild, registerSecretsOf } from './support/secrets.ts'

const EXAMPLES = ['node-http', 'express', 'fastify']

/** Starts an example as its reader does, in front of a provider. */
async function start(t: TestContext, name: string, upstream: Upstream) {
  const secret = randomBytes(32).toString('hex')
  const env = {
    OPENAI_API_KEY: randomBytes(16).toString('hex'),
    OPENAI_API_URL: upstream.url,
    ALLOWED_ORIGINS: 'https://app.example',
    TICKET_SECRET: secret,
    PORT: '0',
  }
  registerSecretsOf(env)
  const script = fileURLToPath(new URL(`../examples/${name}.mjs`, import.meta.url))
  const child = spawn(process.execPath, [script], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  t.after(() => child.kill('SIGKILL'))
  recordChild(child)
  const exited = once(child, 'exit')
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
  const url = /^listens on (http:\/\/127\.0\.0\.1:\d+)$/.exec(line)?.[1]
  assert.ok(url, line)
  const ticket = async () => (await issueTicket({ user: 'u' }, { secret })).token
  return { child, exited, url, ticket }
}

for (const name of EXAMPLES) {
  // R-PATH-4, R-PATH-5
  test(`examples/${name}: the relay stands beside routes and another WebSocket server`, async (t) => {
    const upstream = await Upstream.start(t)
    const { child, exited, url, ticket } = await start(t, name, upstream)

    assert.equal(await (await fetch(url)).text(), 'The application\n')
    assert.equal((await fetch(`${url}/nothing`)).status, 404)
    assert.deepEqual(await (await fetch(`${url}/health`)).json(), { status: 'ok' })

    const chat = new WebSocket(`${url.replace('http', 'ws')}/chat`)
    await once(chat, 'open')
    chat.send('hello')
    assert.equal(String((await once(chat, 'message'))[0]), 'chat: hello')
    chat.close()
    await once(chat, 'close')

    await assert.rejects(connect(t, `${url}/v1/realtime`, { protocols: ['realtime'] }), /HTTP 401/)
    await assert.rejects(connect(t, `${url}/nothing`), /HTTP 404/)
    const protocols = ['realtime', `openai-insecure-api-key.${await ticket()}`]
    const client = await connect(t, `${url}/v1/realtime?model=m`, { protocols })
    const provider = await upstream.accept()
    client.send('{"type":"up"}')
    assert.equal((await provider.next()).data, '{"type":"up"}')
    provider.send('{"type":"down"}')
    assert.equal((await client.next()).data, '{"type":"down"}')

    child.kill('SIGTERM')
    client.socket.close()
    assert.deepEqual(await exited, [0, null])
  })
}
