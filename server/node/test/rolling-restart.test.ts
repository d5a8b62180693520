import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { issueTicket } from '../src/index.ts'
import { type RelayProcess, startRelayProcess, temporaryFolder } from './support/commands.ts'
import { connect, type Peer, Upstream } from './support/peers.ts'
import { freePort } from './support/ports.ts'
import { type RelayProxy, startProxy } from './support/proxies.ts'
import { RedisServer } from './support/redis.ts'
import { ORIGIN } from './support/relays.ts'

const SESSIONS = 100
const DRAIN_SECONDS = 2
/** Between two messages of a session, in ms. */
const PACE_MS = 50
const secret = randomBytes(32).toString('hex')

/** A client that talks until its session ends, and checks that each message comes back in its turn. */
class Talker {
  readonly #client: Peer
  /** Whether it finishes when it is warned. */
  readonly #polite: boolean
  readonly #abort = new AbortController()
  warned = false
  errorCode: string | null = null
  answered = 0
  /** Resolves where it was asked to leave, and its last word was answered. */
  readonly ended: Promise<{ code: number; reason: string }>

  constructor(client: Peer, polite: boolean) {
    this.#client = client
    this.#polite = polite
    this.ended = this.#talk()
  }

  /** Has it finish after the next answer. */
  leave(): void {
    this.#abort.abort()
  }

  async #talk(): Promise<{ code: number; reason: string }> {
    const closed = this.#client.closed.then(() => null)
    for (;;) {
      const text = `message ${this.answered}`
      this.#client.send(text)
      if ((await Promise.race([this.#answer(text), closed])) === null) return this.#client.closed
      this.answered += 1
      if (this.#abort.signal.aborted || (this.warned && this.#polite)) break
      await Promise.race([delay(PACE_MS, null, { ref: false }), closed])
    }
    this.#client.socket.close(1000, 'said all')
    return this.#client.closed
  }

  /** Waits for what was sent; what the relay says in between is noted. */
  async #answer(text: string): Promise<true> {
    for (;;) {
      const { data } = await this.#client.next()
      if (data === text) return true
      const notice = JSON.parse(String(data)) as { type: string; error?: { code: string } }
      if (notice.type === 'relay.warning') this.warned = true
      else this.errorCode = notice.error?.code ?? notice.type
    }
  }
}

/** A provider that says what it hears. */
async function startEcho(t: TestContext): Promise<Upstream> {
  const upstream = await Upstream.start(t)
  const listen = (peer: Peer): Promise<void> => {
    peer.socket.on('message', (data, binary) => peer.socket.send(data, { binary }))
    return upstream.accept().then(listen)
  }
  void upstream.accept().then(listen)
  return upstream
}

async function join(t: TestContext, proxy: RelayProxy): Promise<Peer> {
  const { token } = await issueTicket({ user: randomBytes(4).toString('hex') }, { secret })
  const headers = { Authorization: `Bearer ${token}` }
  return connect(t, `${proxy.url}/v1/realtime`, { ca: proxy.ca, headers })
}

/** Opens one short session after the other, each of which must succeed at the second attempt at the latest. */
async function keepComing(t: TestContext, proxy: RelayProxy, signal: AbortSignal) {
  const count = { succeeded: 0, retried: 0, failed: 0 }
  while (!signal.aborted) {
    const client = await join(t, proxy).catch(() => {
      count.retried += 1
      return join(t, proxy).catch(() => null)
    })
    if (client === null) {
      count.failed += 1
      continue
    }
    const talker = new Talker(client, true)
    talker.leave()
    const { code } = await talker.ended
    if (code === 1000 && talker.answered === 1) count.succeeded += 1
    else count.failed += 1
  }
  return count
}

interface EndedSession {
  readonly msg: string
  readonly endedBy: string
  readonly code: string | null
  readonly clientCloseCode: number
}

/** The sessions that a relay has logged the end of. */
function endedSessions({ lines }: RelayProcess): EndedSession[] {
  const entries = lines.all
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as EndedSession)
  return entries.filter(({ msg }) => msg === 'session ended')
}

test('A rolling restart behind HAProxy ends no session that could have finished, and refuses no new one', async (t) => {
  const upstream = await startEcho(t)
  const redis = await RedisServer.start(t)
  const cwd = temporaryFolder(t)
  const start = (port: number) =>
    startRelayProcess(t, {
      cwd,
      env: {
        OPENAI_API_KEY: randomBytes(16).toString('hex'),
        OPENAI_API_URL: upstream.url,
        ALLOWED_ORIGINS: ORIGIN,
        TICKET_SECRET: secret,
        NODE_ENV: 'production',
        PORT: String(port),
        TRUST_PROXY: '1',
        VOICE_AGENT_RATE_LIMIT: '0',
        MAX_CONNECTIONS_PER_IP: '0',
        DRAIN_SECONDS: String(DRAIN_SECONDS),
        REDIS_URL: redis.url,
      },
    })
  const ports = [await freePort(), await freePort()]
  const relays = await Promise.all(ports.map(start))
  const proxy = await startProxy(
    t,
    'haproxy',
    relays.map(({ url }) => url),
  )

  const talkers: Talker[] = []
  for (let count = 0; count < SESSIONS; count += 1) {
    // Two in a row are alike: neighbours go to different relays, so each has as many of both.
    talkers.push(new Talker(await join(t, proxy), count % 4 < 2))
  }
  const enough = new AbortController()
  const visitors = keepComing(t, proxy, enough.signal)

  for (const [index, name] of ['one', 'two'].entries()) {
    const seen = proxy.lines.all.length
    const relay = relays[index]!
    relay.child.kill('SIGTERM')
    await proxy.lines.find(new RegExp(`Server relays/${name} is DOWN`), seen)
    assert.equal(await relay.exited, 0)
    relays[index] = await start(ports[index]!)
    // Only when the proxy has seen it is the next one's turn.
    await proxy.lines.find(new RegExp(`Server relays/${name} is UP`), seen)
    const ended = endedSessions(relay)
    const byRelay = ended.filter(({ endedBy }) => endedBy === 'relay')
    assert.equal(byRelay.length, SESSIONS / 4)
    for (const { code, clientCloseCode } of byRelay) {
      assert.deepEqual([code, clientCloseCode], ['draining', 1012])
    }
    const own = ended.filter(
      ({ endedBy, clientCloseCode }) => endedBy === 'client' && clientCloseCode === 1000,
    )
    assert.equal(own.length, ended.length - byRelay.length)
    assert.ok(own.length >= SESSIONS / 4)
  }

  const closes = await Promise.all(talkers.map((talker) => talker.ended))
  for (const [count, { warned, errorCode, answered }] of talkers.entries()) {
    const polite = count % 4 < 2
    assert.ok(warned && answered > 1)
    assert.equal(errorCode, polite ? null : 'draining')
    assert.equal(closes[count]!.code, polite ? 1000 : 1012)
  }
  enough.abort()
  const { succeeded, retried, failed } = await visitors
  t.diagnostic(`${succeeded} new sessions, ${retried} at the second attempt`)
  assert.equal(failed, 0)
  assert.ok(succeeded > SESSIONS)
  for (const { child, exited } of relays) {
    child.kill('SIGTERM')
    assert.equal(await exited, 0)
  }
})
