import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { RawClient, rawServer } from './support/peers.ts'
import { LogLines } from './support/relays.ts'
import {
  findLeaks,
  OutputRecorder,
  readRecorded,
  recordAnswers,
  recordChild,
  registerCanary,
  withoutAllowed,
} from './support/secrets.ts'

test('findLeaks() finds a planted secret wherever it got out, and no other', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'relay-output-'))
  t.after(() => rmSync(folder, { recursive: true }))
  assert.deepEqual(readRecorded(join(folder, 'none')), [])
  const recorder = new OutputRecorder(folder)
  const [kept, logged, sent] = [randomUUID(), randomUUID(), 'a+b/c=d+e/f=g']
  for (const secret of [kept, logged, sent, 'short']) recorder.secret(secret)
  recorder.output('log', `{"msg":"key ${logged}"}`)
  recorder.output('wire', `GET /?token=${encodeURIComponent(sent)} short`)
  recorder.output('stdout', 'nothing')
  recorder.close()
  const [recorded] = readRecorded(folder)
  assert.deepEqual(
    findLeaks(recorded!).map(({ kind, secret }) => [kind, secret]),
    [
      ['log', logged],
      ['wire', sent],
    ],
  )
})

test('withoutAllowed() allows a token in the answer of its endpoint, and nowhere else', () => {
  const head = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n'
  const refused = 'HTTP/1.1 401 Unauthorized\r\nA: b\r\n\r\n{"success":true,"token":"T"}'
  assert.ok(!withoutAllowed(`${refused}${head}{"success":true,"token":"SECRET","x":1}`).includes('SECRET'))
  for (const kept of [refused, `${head}{"token":"T"}`, `${head}{"success":true,"x":1,"token":"T"}`]) {
    assert.equal(withoutAllowed(kept), kept)
  }
})

test('What a relay logs, prints and sends is recorded: planted secrets for the check after the suite', async (t) => {
  const plant = (kind: Parameters<typeof registerCanary>[0]) => {
    const secret = `canary-${randomUUID()}`
    registerCanary(kind, secret)
    return secret
  }
  const log = new LogLines()
  log.write(`${JSON.stringify({ msg: plant('log') })}\n`)
  const wire = plant('wire')
  const url = await rawServer(t, (socket) => void socket.end(`HTTP/1.1 200 OK\r\nX: ${wire}\r\n\r\n`))
  recordAnswers(t, url)
  const client = await RawClient.open(t, url)
  await client.until((received) => received.includes(wire))
  assert.ok(client.received.includes(wire))
  const print = `console.log(${JSON.stringify(plant('stdout'))}); console.error(${JSON.stringify(plant('stderr'))})`
  const child = spawn(process.execPath, ['-e', print], { stdio: ['ignore', 'pipe', 'pipe'] })
  recordChild(child)
  assert.deepEqual(await once(child, 'close'), [0, null])
})
