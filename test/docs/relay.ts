import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { pino } from 'pino'
import type { Certificate } from '../../bench/relay/certificates.ts'
import { createEmulator } from '../../server/emulator/src/index.ts'
import { createRelay } from '../../server/node/src/index.ts'

/** What commands of the documents talk to. */
export interface CommandPeers {
  /** What a shell needs in its environment to reach the relay by the names of the documents, and the emulator. */
  readonly env: Readonly<Record<string, string>>
  /** A configuration of curl with which `https://relay.example` is the relay. */
  readonly curlrc: string
  close(): Promise<void>
}

/** Starts a relay with an operator's token behind TLS, and an emulator that any relay can dial. */
export async function startCommandPeers({ key, cert }: Certificate): Promise<CommandPeers> {
  const emulator = await createEmulator({ port: 0 })
  const adminToken = randomBytes(16).toString('hex')
  const server = createServer({ key: readFileSync(key), cert: readFileSync(cert) })
  const relay = createRelay({
    openai: { apiKey: `sk-${randomBytes(24).toString('hex')}`, url: emulator.webSocketUrl },
    tickets: { secret: randomBytes(32).toString('hex') },
    allowedOrigins: ['https://app.example'],
    adminToken,
    logger: pino({ level: 'silent' }),
  })
  relay.attach(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const url = emulator.webSocketUrl
  return {
    env: { ADMIN_TOKEN: adminToken, OPENAI_API_URL: url, DEEPGRAM_API_URL: url, DEEPGRAM_AGENT_URL: url },
    curlrc: `insecure\nsilent\nshow-error\nfail-with-body\nnoproxy = "*"\nconnect-to = "relay.example:443:127.0.0.1:${port}"\n`,
    async close() {
      await relay.close()
      server.close()
      server.closeAllConnections()
      await emulator.close()
    },
  }
}
