import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { parseEnv } from 'node:util'
import { createEmulator } from '../../../server/emulator/src/index.ts'
import { issueTicket } from '../../../server/node/src/index.ts'
import { temporaryFolder } from '../../../server/node/test/support/commands.ts'
import { connect, type Peer } from '../../../server/node/test/support/peers.ts'
import { freePort } from '../../../server/node/test/support/ports.ts'
import { certificate, listening, replaced } from '../../../server/node/test/support/proxies.ts'
import type { ImageSettings } from './dockerfile.ts'
import { KIT, read, readServices } from './kit.ts'
import { type Program, start, startRelay } from './programs.ts'

/** The image, as it was built: what it sets, and the folder that it works in. */
export interface Image extends ImageSettings {
  readonly cwd: string
}

/** A relay of the compose file. */
export interface RelayService {
  readonly name: string
  readonly program: Program
  readonly env: Readonly<Record<string, string>>
  readonly metricsUrl: string
}

/** The kit's services as processes of this machine, each with what the kit gives it but for addresses. */
export interface Site {
  readonly redis: RedisService
  readonly relays: readonly RelayService[]
  /** Of HAProxy. */
  readonly url: string
  /** The certificate to believe. */
  readonly ca: string
  /** How long relays drain, in seconds. */
  readonly drainSeconds: number
  /** Opens a session through HAProxy. */
  readonly join: () => Promise<Peer>
}

/** Fills in the examples of environments as an operator does, and starts all but Prometheus and Grafana. */
export async function startSite(t: TestContext, image: Image): Promise<Site> {
  const emulator = await createEmulator({ port: 0, pace: { speed: Number.POSITIVE_INFINITY } })
  t.after(() => emulator.close())
  const secret = randomBytes(32).toString('hex')
  const drainSeconds = 3
  const file = replaced(read('deploy/relay.env.example'), [
    ['\nOPENAI_API_KEY=\n', `\nOPENAI_API_KEY=sk-${randomBytes(16).toString('hex')}\n`],
    ['\nALLOWED_ORIGINS=\n', '\nALLOWED_ORIGINS=https://app.example\n'],
    ['\nTICKET_SECRET=\n', `\nTICKET_SECRET=${secret}\n`],
    ['\n# OPENAI_API_URL=\n', `\nOPENAI_API_URL=${emulator.webSocketUrl}\n`],
    ['\n# DRAIN_SECONDS=30\n', `\nDRAIN_SECONDS=${drainSeconds}\n`],
  ])
  const redis = await RedisService.start(t)
  const fromFile = parseEnv(file) as Record<string, string>
  const relays = await Promise.all(
    ['relay-1', 'relay-2'].map((name) => startRelayService(t, name, { image, fromFile, redis })),
  )
  const { port, ca } = await startHAProxy(t, relays)
  const url = `https://127.0.0.1:${port}`
  const join = async () => {
    const { token } = await issueTicket({ user: randomBytes(4).toString('hex') }, { secret })
    const headers = { Authorization: `Bearer ${token}` }
    return connect(t, `${url}/v1/realtime?model=gpt-realtime`, { ca, headers })
  }
  return { redis, relays, url, ca, drainSeconds, join }
}

interface Given {
  readonly image: Image
  readonly fromFile: Readonly<Record<string, string>>
  readonly redis: RedisService
}

async function startRelayService(
  t: TestContext,
  name: string,
  { image, fromFile, redis }: Given,
): Promise<RelayService> {
  const { environment } = readServices()[name]!
  const [port, metricsPort] = [await freePort(), await freePort()]
  const env = { ...image.env, ...fromFile, ...environment }
  const url = replaced(env['REDIS_URL']!, [
    // biome-ignore lint/suspicious/noTemplateCurlyInString: as Compose writes it
    ['${REDIS_PASSWORD:?is needed, see .env.example}', redis.password],
    ['@redis:6379', `@127.0.0.1:${redis.port}`],
  ])
  const here = {
    HOST: '127.0.0.1',
    PORT: `${port}`,
    METRICS_HOST: '127.0.0.1',
    METRICS_PORT: `${metricsPort}`,
  }
  const all = {
    ...env,
    ...here,
    REDIS_URL: url,
    // A file system that nobody may write to, and no other program.
    NODE_OPTIONS: `${env['NODE_OPTIONS']} --permission --allow-fs-read=*`,
  }
  const program = startRelay(t, image.command, { cwd: image.cwd, env: all })
  await program.lines.find(/^voicewire-relay listens on /)
  return { name, program, env: all, metricsUrl: `http://127.0.0.1:${metricsPort}` }
}

async function startHAProxy(t: TestContext, relays: readonly RelayService[]) {
  const folder = temporaryFolder(t)
  const ca = certificate(folder)
  const [plain, port] = [await freePort(), await freePort()]
  const text = replaced(read('deploy/haproxy/haproxy.cfg'), [
    ['bind :8080\n', `bind 127.0.0.1:${plain}\n`],
    ['bind :8443 ', `bind 127.0.0.1:${port} `],
    ['/etc/haproxy/certs/app.example.pem', join(folder, 'both.pem')],
    ...relays.map(({ name, env }) => [`${name}:8080\n`, `127.0.0.1:${env['PORT']}\n`] as const),
    ['maxconn 100000', 'maxconn 1000'], // as many as whoever is not root may open
  ])
  writeFileSync(join(folder, 'haproxy.cfg'), text)
  const { child, exited } = start(t, ['haproxy', '-c', '-f', 'haproxy.cfg'], { cwd: folder })
  assert.equal(await exited, 0, String(child.exitCode))
  const haproxy = start(t, ['haproxy', '-db', '-f', 'haproxy.cfg'], { cwd: folder })
  await listening(port, haproxy.child)
  return { port, ca }
}

/** Redis as the compose file starts it, on a port of its own. */
export class RedisService {
  readonly password = randomBytes(32).toString('hex')
  readonly port: number
  readonly #t: TestContext
  readonly #folder: string
  #program: Program | null = null

  private constructor(t: TestContext, port: number) {
    this.#t = t
    this.port = port
    this.#folder = temporaryFolder(t)
    mkdirSync(join(this.#folder, 'data'))
    const file = replaced(read('deploy/redis/redis.conf'), [
      ['bind * -::*\n', `bind 127.0.0.1\nport ${port}\n`],
      ['dir /data\n', `dir ${join(this.#folder, 'data')}\n`],
    ])
    writeFileSync(join(this.#folder, 'redis.conf'), file)
  }

  static async start(t: TestContext): Promise<RedisService> {
    const service = new RedisService(t, await freePort())
    await service.start()
    return service
  }

  /** Resolves when connections are taken; what it kept is there. */
  async start(): Promise<void> {
    const [shell, flag, script] = readServices()['redis']!.command!
    // Two dollars are one, as Compose writes it.
    const here = replaced(script!.replaceAll('$$', '$'), [
      ['/etc/redis/redis.conf', join(this.#folder, 'redis.conf')],
    ])
    const env = { REDIS_PASSWORD: this.password }
    this.#program = start(this.#t, [shell!, flag!, here], { cwd: this.#folder, env })
    await this.#program.lines.find(/Ready to accept connections/)
  }

  /** Ends it as Compose does. */
  async stop(): Promise<void> {
    this.#program!.child.kill('SIGTERM')
    assert.equal(await this.#program!.exited, 0)
  }
}

/** Starts Prometheus with the kit's configuration and alerts, in front of these relays. @returns Its address. */
export async function startPrometheus(t: TestContext, relays: readonly RelayService[]): Promise<string> {
  const folder = temporaryFolder(t)
  const port = await freePort()
  const text = replaced(read('deploy/prometheus/prometheus.yml'), [
    ['scrape_interval: 15s', 'scrape_interval: 200ms'],
    ['evaluation_interval: 15s', 'evaluation_interval: 200ms'],
    ...relays.map(({ name, metricsUrl }) => [`${name}:9464`, new URL(metricsUrl).host] as const),
  ])
  writeFileSync(join(folder, 'prometheus.yml'), text)
  copyFileSync(join(KIT, 'prometheus/alerts.yml'), join(folder, 'alerts.yml'))
  const args = [
    '--config.file=prometheus.yml',
    '--storage.tsdb.path=data',
    `--web.listen-address=127.0.0.1:${port}`,
  ]
  const { lines } = start(t, ['prometheus', ...args], { cwd: folder })
  await lines.find(/Server is ready to receive web requests/)
  return `http://127.0.0.1:${port}`
}
