import type { ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Certificate, makeCertificate } from './certificates.ts'
import { now } from './clock.ts'
import { SECRET, type Target } from './connect.ts'
import type { Contestant, RelaySetting, RunningRelay } from './contestants.ts'
import type { DriverActions } from './driver.ts'
import type { Kind } from './messages.ts'
import { busyMs, CORES, cpuMs, startScript, stop } from './processes.ts'
import type { ProviderActions } from './provider.ts'
import { type Actions, Remote } from './remote.ts'

/** What others may take of the machine while a figure is taken, as a share of a core. */
const MOST_OTHERS_SHARE = 0.3
/** Over how long that is looked at. */
const CALM_MS = 250

/** Paths by the kind of their messages. */
export const PATHS: Readonly<Record<Kind, string>> = { json: '/v1/realtime', binary: '/v1/agent/converse' }

/** A process that can be asked. */
export interface Worker<A extends Actions> {
  readonly child: ChildProcess
  readonly remote: Remote<A>
}

/** Ports on which a provider listens. */
export type Ports = Awaited<ReturnType<ProviderActions['ports']>>

/** The clients, the provider, and what they and the relays need: everything of a run but the relays. */
export class Load {
  readonly folder: string
  readonly certificate: Certificate
  readonly driver: Worker<DriverActions>
  readonly provider: Worker<ProviderActions>
  readonly ports: Ports
  /** How many windows there were, and in how many of them others needed the machine. */
  windows = 0
  disturbed = 0
  /** How long windows may still be repeated for that. */
  patienceMs = 0
  readonly #workers: Worker<Actions>[] = []
  readonly #relays: RunningRelay[] = []
  /** CPU time by process, in ms. */
  readonly #used = new Map<number, number>()

  static async start(): Promise<Load> {
    process.env[SECRET] ??= randomBytes(32).toString('base64url')
    now() // from here on all processes count
    const folder = await mkdtemp(join(tmpdir(), 'voicewire-bench-'))
    const certificate = await makeCertificate(folder)
    const driver = startDriver(certificate)
    const provider = startProvider(certificate)
    return new Load(folder, certificate, driver, provider, await provider.remote.ask('ports'))
  }

  private constructor(
    folder: string,
    certificate: Certificate,
    driver: Worker<DriverActions>,
    provider: Worker<ProviderActions>,
    ports: Ports,
  ) {
    this.folder = folder
    this.certificate = certificate
    this.driver = driver
    this.provider = provider
    this.ports = ports
    this.#workers.push(driver, provider)
  }

  /** Has another worker end with the run. */
  own(worker: Worker<Actions>): void {
    this.#workers.push(worker)
  }

  /** Starts a contestant between the clients and the provider. */
  async startRelay(contestant: Contestant, setting: Partial<RelaySetting> = {}): Promise<RunningRelay> {
    const { folder, certificate } = this
    const tls = setting.tls ?? { clients: false, provider: false }
    const port = tls.provider ? this.ports.tls : this.ports.plain
    const relay = await contestant.start({ folder, certificate, upstreams: [port, port], tls, ...setting })
    this.#relays.push(relay)
    return relay
  }

  /** Waits until nobody else needs the machine, as long as the run has patience. */
  async calm(): Promise<void> {
    while (this.patienceMs > 0) {
      const watch = this.watchOthers()
      await sleep(CALM_MS)
      if (watch.calm()) return
      this.patienceMs -= CALM_MS
    }
  }

  /** @returns Whether, from now on until it is asked, others left the machine to this run. */
  watchOthers(): { calm(): boolean } {
    const at = now()
    const before = this.#othersMs()
    return { calm: () => (this.#othersMs() - before) / (now() - at) <= MOST_OTHERS_SHARE }
  }

  #othersMs(): number {
    for (const { child } of this.#workers) this.#noteCpu(child, child.pid!)
    for (const { child, pid } of this.#relays) this.#noteCpu(child, pid)
    return busyMs() - [...this.#used.values()].reduce((sum, used) => sum + used, 0)
  }

  /** What a process that has ended had used when it was last looked at stays. */
  #noteCpu({ exitCode, signalCode }: ChildProcess, pid: number): void {
    if (exitCode === null && signalCode === null) this.#used.set(pid, cpuMs(pid))
  }

  async stop(): Promise<void> {
    await Promise.all(this.#relays.map((relay) => relay.stop()))
    await Promise.all(this.#workers.map(({ child }) => stop(child)))
    await rm(this.folder, { recursive: true, force: true })
  }
}

export function startDriver({ cert }: Certificate, yielding = false): Worker<DriverActions> {
  const env = { NODE_EXTRA_CA_CERTS: cert }
  const child = startScript('driver.ts', { core: CORES.load, env, yielding })
  return { child, remote: new Remote(child) }
}

export function startProvider({ key, cert }: Certificate, yielding = false): Worker<ProviderActions> {
  const child = startScript('provider.ts', { core: CORES.load, args: [key, cert], yielding })
  return { child, remote: new Remote(child) }
}

export interface WindowOptions {
  /** null: straight to the provider. */
  readonly relay: RunningRelay | null
  readonly kind: Kind
  readonly sessions: number
  /** Before anything counts. */
  readonly settleMs: number
  readonly windowMs: number
}

/** What a stretch of steady traffic showed. */
export interface Window {
  /** CPU time of the relay by session and second, in ms; 0 without a relay. */
  readonly cpu: number
  /** CPU time of the relay, and of clients and provider together, as shares of a core. */
  readonly relayShare: number
  readonly loadShare: number
  /** Whether others left the machine to this run meanwhile. */
  readonly calm: boolean
  /** The time of every message in the window, both ways, in ms. */
  readonly times: Float32Array
  /** Messages of the whole traffic, not of the window alone. */
  readonly sent: number
  readonly lost: number
  readonly reordered: number
  readonly changed: number
}

/**
 * Sends a message every 20 ms both ways in each session, and looks on for a while. Where others needed the
 * machine at the same time it does so again, as long as the run has patience.
 */
export async function measureWindow(load: Load, options: WindowOptions): Promise<Window> {
  for (;;) {
    await load.calm()
    const begun = now()
    const window = await measureOnce(load, options)
    load.windows++
    if (window.calm) return window
    load.disturbed++
    if (load.patienceMs <= 0) return window
    load.patienceMs -= now() - begun
  }
}

async function measureOnce(load: Load, options: WindowOptions): Promise<Window> {
  const { relay, kind, sessions, settleMs, windowMs } = options
  const driver = load.driver.remote
  const provider = load.provider.remote
  const target: Target = relay?.target ?? { port: load.ports.plain, tls: false }
  await Promise.all([driver.ask('reset'), provider.ask('reset')])
  await driver.ask('open', { target, kind, path: `${PATHS[kind]}?model=produce`, count: sessions })
  await driver.ask('talk')
  await sleep(settleMs)
  await Promise.all([driver.ask('look'), provider.ask('look')])
  const watch = load.watchOthers()
  const before = usage(load, relay)
  await sleep(windowMs)
  const after = usage(load, relay)
  const calm = watch.calm()
  const [down, up] = await Promise.all([driver.ask('look'), provider.ask('look')])
  const elapsed = after.at - before.at
  const counts = await finish(load)
  const times = new Float32Array(down.times.length + up.times.length)
  times.set(down.times)
  times.set(up.times, down.times.length)
  return {
    cpu: ((after.relay - before.relay) / elapsed / sessions) * 1000,
    relayShare: (after.relay - before.relay) / elapsed,
    loadShare: (after.load - before.load) / elapsed,
    calm,
    times,
    ...counts,
  }
}

function usage({ driver, provider }: Load, relay: RunningRelay | null) {
  return {
    at: now(),
    relay: relay === null ? 0 : cpuMs(relay.pid),
    load: cpuMs(driver.child.pid!) + cpuMs(provider.child.pid!),
  }
}

/** What is under way has this long to arrive. */
const MOST_ARRIVAL_MS = 3000

/** Has both sides fall silent, counts, and closes all sessions. */
async function finish({
  driver,
  provider,
}: Load): Promise<Pick<Window, 'sent' | 'lost' | 'reordered' | 'changed'>> {
  await Promise.all([driver.remote.ask('hush'), provider.remote.ask('hush')])
  for (const deadline = now() + MOST_ARRIVAL_MS; ; await sleep(50)) {
    const [down, up] = await Promise.all([driver.remote.ask('look'), provider.remote.ask('look')])
    const sent = down.sent + up.sent
    const lost = sent - down.received - up.received
    if (lost > 0 && now() < deadline) continue
    await driver.remote.ask('close')
    return { sent, lost, reordered: down.reordered + up.reordered, changed: down.changed + up.changed }
  }
}
