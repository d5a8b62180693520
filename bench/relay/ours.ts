/** Our relay in a process of its own, without limits on who comes in; it is told all else by one argument. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer as createHttp } from 'node:http'
import { createServer as createHttps } from 'node:https'
import type { AddressInfo } from 'node:net'
import { createRelay, type RelayOptions } from '../../server/node/src/index.ts'
import { SECRET } from './connect.ts'
import { answer } from './remote.ts'

/** What a contestant of ours is started with. */
export interface OursOptions {
  /** Where the provider of `/v1/realtime` is. */
  readonly openai: string
  /** Where the provider of all other paths is. */
  readonly deepgram: string
  /** Files with the key and the certificate for clients; default: no TLS. */
  readonly tls?: { readonly key: string; readonly cert: string }
  /** Whatever else a contestant has. */
  readonly relay: Partial<RelayOptions>
}

const { openai, deepgram, tls, relay: own } = JSON.parse(process.argv[2] ?? '') as OursOptions
const relay = createRelay({
  openai: { apiKey: 'bench', url: openai },
  deepgram: { apiKey: 'bench', url: deepgram, agentUrl: deepgram },
  allowedOrigins: [],
  tickets: { secret: process.env[SECRET] ?? '' },
  rateLimit: 0,
  maxConnections: 0,
  maxConnectionsPerIp: 0,
  maxConnectionsPerUser: 0,
  logger: { info() {}, warn() {} },
  ...own,
})
const server =
  tls === undefined ? createHttp() : createHttps({ key: readFileSync(tls.key), cert: readFileSync(tls.cert) })
relay.attach(server)
server.listen({ port: 0, host: '127.0.0.1', backlog: 2048 })
await once(server, 'listening')

process.once('SIGTERM', async () => {
  server.close()
  await relay.close({ drainSeconds: 2 })
  process.exit(0)
})

const actions = {
  port: () => (server.address() as AddressInfo).port,
  sessions: () => relay.sessions,
}

export type RelayActions = typeof actions

answer(actions)
