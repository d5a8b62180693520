import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { RelayOptions } from '../../server/node/src/index.ts'
import type { Certificate } from './certificates.ts'
import { haproxyConfiguration, nginxConfiguration, type ProxyOptions } from './configurations.ts'
import type { Target } from './connect.ts'
import type { OursOptions, RelayActions } from './ours.ts'
import { CORES, freePort, onlyChildOf, start, startScript, stop } from './processes.ts'
import { Remote } from './remote.ts'

/** What stands between the clients and the provider. */
export interface RelaySetting {
  /** The run's folder for files. */
  readonly folder: string
  readonly certificate: Certificate
  /** Ports of the provider of `/v1/realtime`, and of the one of all other paths. */
  readonly upstreams: readonly [number, number]
  /** Whether clients, and whether the provider, are spoken to in TLS. */
  readonly tls: { readonly clients: boolean; readonly provider: boolean }
}

/** A relay under test, in a process of its own. */
export interface RunningRelay {
  readonly target: Target
  /** The process that does the work. */
  readonly pid: number
  readonly child: ChildProcess
  /** Of a relay that can be asked. */
  readonly remote: Remote<RelayActions> | null
  stop(): Promise<void>
}

export interface Contestant {
  readonly name: string
  start(setting: RelaySetting): Promise<RunningRelay>
}

export const OURS = ours('Voicewire, transparent', {})
/** Every message is read and judged. */
export const POLICY = ours('Voicewire, policy', { policy: { '/v1/realtime': {}, '/v1/agent/converse': {} } })
/** Takes whatever comes as fast as it comes: what a flood would meet if nothing slowed it. */
export const UNSLOWED = ours(OURS.name, { maxBytesPerSecond: 0 })
export const NGINX = proxy('nginx', nginxConfiguration, (file) => ['nginx', '-e', 'stderr', '-c', file])
export const HAPROXY = proxy('HAProxy', haproxyConfiguration, (file) => ['haproxy', '-db', '-f', file])
export const NAIVE = wsRelay('`ws`, naive', [])
export const PARSING = wsRelay('`ws`, JSON parsed and written', ['parse'])

/** As `voicewire-relay`'s README says: short collections, and little memory that waits for one. */
const NODE_OPTIONS = '--max-semi-space-size=4'

/** Ours, with other instances: what they share is at this Redis. */
export const sharing = (url: string) => ours('Voicewire, several instances', { redis: { url } })

/** All that are measured beside one another. */
export const CONTESTANTS: readonly Contestant[] = [NGINX, OURS, POLICY, HAPROXY, NAIVE, PARSING]

function ours(name: string, relay: Partial<RelayOptions>): Contestant {
  return {
    name,
    start: ({ upstreams, tls, certificate }) => {
      const scheme = tls.provider ? 'wss://localhost' : 'ws://127.0.0.1'
      const options: OursOptions = {
        openai: `${scheme}:${upstreams[0]}`,
        deepgram: `${scheme}:${upstreams[1]}`,
        ...(tls.clients && { tls: certificate }),
        relay,
      }
      const child = startScript('ours.ts', {
        core: CORES.relay,
        args: [JSON.stringify(options)],
        env: { NODE_OPTIONS, NODE_EXTRA_CA_CERTS: certificate.cert },
      })
      return runScript(child, tls.clients)
    },
  }
}

function wsRelay(name: string, args: readonly string[]): Contestant {
  return {
    name,
    start: ({ upstreams }) => {
      const upstream = `ws://127.0.0.1:${upstreams[0]}`
      const child = startScript('ws-relay.ts', {
        core: CORES.relay,
        args: [upstream, ...args],
        env: { NODE_OPTIONS },
      })
      return runScript(child, false)
    },
  }
}

async function runScript(child: ChildProcess, tls: boolean): Promise<RunningRelay> {
  const remote = new Remote<RelayActions>(child)
  const port = await remote.ask('port')
  return { target: { port, tls }, pid: child.pid!, child, remote, stop: () => stop(child) }
}

function proxy(
  name: string,
  configuration: (options: ProxyOptions) => string,
  command: (file: string) => string[],
): Contestant {
  return {
    name,
    async start({ folder, upstreams, tls, certificate }) {
      const port = await freePort()
      const own = await mkdtemp(join(folder, 'proxy-'))
      const file = join(own, 'configuration')
      await writeFile(file, configuration({ folder: own, port, upstreams, tls, ...certificate }))
      const child = start(command(file), { core: CORES.relay })
      await answers(port)
      const pid = name === 'nginx' ? await onlyChildOf(child.pid!) : child.pid!
      const target = { port, tls: tls.clients }
      return { target, pid, child, remote: null, stop: () => stop(child, 'SIGTERM') }
    },
  }
}

/** Resolves when somebody listens; a program that cannot say so has to be tried. */
async function answers(port: number): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    const socket = connect(port, '127.0.0.1')
    try {
      await once(socket, 'connect')
      return
    } catch (error) {
      if (attempt === 200) throw error
      await sleep(20)
    } finally {
      socket.destroy()
    }
  }
}
