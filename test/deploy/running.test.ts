import assert from 'node:assert/strict'
import { existsSync, globSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { schema } from '../../server/node/src/config-schema.ts'
import type { Peer } from '../../server/node/test/support/peers.ts'
import { until } from '../../server/node/test/support/redis.ts'
import { build, readIgnored } from './support/build.ts'
import { imageSettings, readDockerfile } from './support/dockerfile.ts'
import { ROOT, read, readServices, readYaml, secondsOf, without } from './support/kit.ts'
import { start } from './support/programs.ts'
import { type Image, type RelayService, startPrometheus, startSite } from './support/site.ts'

const folder = mkdtempSync(join(tmpdir(), 'voicewire-image-'))
let image: Image

before(async () => {
  const stages = readDockerfile(read('deploy/Dockerfile'))
  image = { ...imageSettings(stages.at(-1)!), cwd: await build(stages, folder, ROOT) }
})

after(() => rmSync(folder, { recursive: true, force: true }))

/** Runs the image's health check beside a relay, as the engine does. */
async function healthCheck(t: TestContext, { env }: RelayService): Promise<number | null> {
  return start(t, image.healthCheck, { cwd: image.cwd, env }).exited
}

/** Has the agent say something, to the end. */
async function converse(client: Peer): Promise<void> {
  const content = [{ type: 'input_text', text: 'Good morning' }]
  client.send(
    JSON.stringify({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content } }),
  )
  client.send(JSON.stringify({ type: 'response.create' }))
  assert.equal((await client.nextOfType('response.done')).response.status, 'completed')
}

/** Resolves when a client is warned, and leaves its messages to whoever waits for them. */
function hearWarning(client: Peer): Promise<Peer> {
  return new Promise((resolve) => {
    client.socket.on('message', (data) => {
      if (String(data).includes('"relay.warning"')) resolve(client)
    })
  })
}

/** What Prometheus answers to a query, by instance. */
async function query(prometheus: string, expression: string): Promise<Map<string, number>> {
  const response = await fetch(`${prometheus}/api/v1/query?query=${encodeURIComponent(expression)}`)
  const { data } = (await response.json()) as {
    data: { result: { metric: { instance: string }; value: [number, string] }[] }
  }
  return new Map(data.result.map(({ metric, value }) => [metric.instance, Number(value[1])]))
}

test('.dockerignore leaves out what is secret, and what is no source', () => {
  const ignored = readIgnored(read('.dockerignore'))
  for (const path of [
    '.env',
    'deploy/.env',
    'deploy/relay.env',
    'deploy/certs/app.example.pem',
    'server/node/.env',
  ]) {
    assert.ok(ignored(path), path)
  }
  for (const path of [
    'node_modules/ws/index.js',
    'server/node/node_modules/a.js',
    'server/node/dist/cli.js',
    '.git/HEAD',
  ]) {
    assert.ok(ignored(path), path)
  }
  assert.ok(!ignored('server/node/src/cli.ts'))
})

test('deploy/Dockerfile: the image has what is published, what that needs, and nothing else', () => {
  const inside = (path: string) => join(image.cwd, path)
  assert.deepEqual(globSync('*', { cwd: image.cwd }).sort(), ['healthcheck.mjs', 'node_modules', 'server'])
  assert.equal(realpathSync(inside('node_modules/voicewire-relay')), realpathSync(inside('server/node')))
  assert.ok(existsSync(inside('server/node/dist/cli.js')))
  const { dependencies } = JSON.parse(read('server/node/package.json'))
  for (const name of Object.keys(dependencies)) assert.ok(existsSync(inside(`node_modules/${name}`)), name)
  for (const path of [
    'server/node/src',
    'server/node/test',
    'node_modules/typescript',
    'node_modules/fastify',
  ]) {
    assert.ok(!existsSync(inside(path)), path)
  }
  // The versions that everything else was tried with.
  const { packages } = JSON.parse(read('package-lock.json'))
  for (const file of globSync('node_modules/{*,@*/*}/package.json', { cwd: image.cwd })) {
    const { name, version } = JSON.parse(readFileSync(inside(file), 'utf8'))
    assert.equal(version, packages[`node_modules/${name}`]?.version, name)
  }
})

test('deploy: a conversation goes through, and a relay that is stopped drains in the time it is given', {
  timeout: 120_000,
}, async (t) => {
  const { relays, drainSeconds, join } = await startSite(t, image)
  const clients = [await join(), await join()]
  for (const client of clients) await converse(client)
  for (const relay of relays) {
    const { sessions } = (await (await fetch(`${relay.metricsUrl}/stats`)).json()) as {
      sessions: { total: number }
    }
    assert.equal(sessions.total, 1)
    assert.equal(await healthCheck(t, relay), 0)
  }

  const [stopped, other] = relays as [RelayService, RelayService]
  const pod = readYaml('kubernetes/deployment.yaml').spec.template.spec
  const graces = [
    secondsOf(readServices()[stopped.name]!.stop_grace_period!),
    pod.terminationGracePeriodSeconds - pod.containers[0].lifecycle.preStop.sleep.seconds,
  ]
  // What is left of the least where it drains for as long as it does by default.
  const spareSeconds = Math.min(...graces) - schema.shape.DRAIN_SECONDS.parse(undefined)
  const warned = clients.map(hearWarning)
  stopped.program.child.kill('SIGTERM')
  const leaving = await Promise.race(warned)
  assert.equal((await leaving.nextOfType('relay.warning')).warning.code, 'draining')
  const killed = new AbortController()
  const killing = delay((drainSeconds + spareSeconds) * 1000, 'killed' as const, { signal: killed.signal })
  killing.catch(() => {}) // it ended in time
  await converse(leaving)
  assert.equal(await Promise.race([stopped.program.exited, killing]), 0)
  killed.abort()
  assert.deepEqual(await leaving.closed, { code: 1012, reason: 'draining' })
  assert.equal(await healthCheck(t, stopped), 1)
  assert.equal(await healthCheck(t, other), 0)
  const staying = clients.find((client) => client !== leaving)!
  await converse(staying)
  await converse(await join())
})

test('deploy: Redis wants its password, evicts nothing, and keeps used tickets over a restart', {
  timeout: 120_000,
}, async (t) => {
  const { redis, relays, join } = await startSite(t, image)
  await join()
  const open = (password?: string) => {
    const client = new Redis({ port: redis.port, retryStrategy: () => null, ...(password && { password }) })
    client.on('error', () => {}) // what fails is said by the command
    t.after(() => client.disconnect())
    return client
  }
  await assert.rejects(open().ping(), /NOAUTH/)
  const client = open(redis.password)
  assert.deepEqual(await client.config('GET', 'maxmemory-policy'), ['maxmemory-policy', 'noeviction'])
  const used = await client.keys('voicewire:ticket:*')
  assert.equal(used.length, 1)
  await redis.stop()
  await redis.start()
  assert.deepEqual(await open(redis.password).keys('voicewire:ticket:*'), used)
  for (const { program } of relays) assert.equal(program.child.exitCode, null)
})

test('deploy: Prometheus finds both relays, and sees that Redis is away', {
  skip: without('prometheus'),
  timeout: 120_000,
}, async (t) => {
  const { redis, relays, join } = await startSite(t, image)
  const prometheus = await startPrometheus(t, relays)
  await converse(await join())
  const instances = relays.map(({ metricsUrl }) => new URL(metricsUrl).host).sort()
  await until(async () => [...(await query(prometheus, 'up == 1')).keys()].sort().join() === instances.join())
  await until(async () => {
    const [sessions] = (await query(prometheus, 'sum(voicewire_relay_sessions)')).values()
    return sessions === 1
  })
  assert.equal((await query(prometheus, 'voicewire_relay_state_degraded == 1')).size, 0)
  await redis.stop()
  await until(async () => (await query(prometheus, 'voicewire_relay_state_degraded == 1')).size === 2)
  type Rules = { data: { groups: { rules: { name: string; health: string; state: string }[] }[] } }
  const rules = async () => {
    const { data } = (await (await fetch(`${prometheus}/api/v1/rules`)).json()) as Rules
    return data.groups.flatMap((group) => group.rules)
  }
  await until(async () =>
    (await rules()).some(({ name, state }) => name === 'VoicewireRedisAway' && state === 'pending'),
  )
  for (const { name, health } of await rules()) assert.equal(health, 'ok', name)
})
