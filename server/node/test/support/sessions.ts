import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { acceptValue } from '../../src/relay/handshake.ts'
import { connect, type Peer, RawClient, rawServer } from './peers.ts'
import type { Setup } from './relays.ts'

/** A client of the relay, with a ticket of its own. */
export async function join(
  t: TestContext,
  { url, authorization }: Setup,
  path = '/v1/realtime',
): Promise<Peer> {
  return connect(t, url + path, { headers: await authorization() })
}

/** A client and its provider, connected through the relay. */
export async function pair(t: TestContext, setup: Setup, path = '/v1/realtime') {
  const client = await join(t, setup, path)
  return { client, provider: await setup.upstream.accept() }
}

/** The same with a client that says exactly what a test wants. */
export async function rawPair(t: TestContext, setup: Setup, path = '/v1/listen') {
  const client = await RawClient.open(t, setup.url)
  await client.handshake(path, await setup.authorization())
  return { client, provider: await setup.upstream.accept() }
}

/** A fresh client has a session in which both sides are heard, whatever was done to the relay before. */
export async function stillServes(t: TestContext, setup: Setup): Promise<void> {
  const { client, provider } = await pair(t, setup)
  client.send('still here')
  assert.equal((await provider.next()).data, 'still here')
  provider.send('still here, too')
  assert.equal((await client.next()).data, 'still here, too')
  client.socket.close(1000)
  await Promise.all([client.closed, provider.closed])
}

/** What a client is told in OpenAI's shape before a close of the relay's own. */
export async function assertEnds(client: Peer, code: string, closeCode: number): Promise<void> {
  const { error } = await client.nextOfType('error')
  assert.equal(error.code, code)
  assert.deepEqual(await client.closed, { code: closeCode, reason: code })
}

/** A provider that reads a handshake and then does what a test wants. */
export function faultyUpstream(t: TestContext, act: (socket: Socket, key: string) => void): Promise<string> {
  return rawServer(t, (socket) => {
    let request = ''
    const read = (chunk: Buffer) => {
      request += chunk.toString('latin1')
      if (!request.includes('\r\n\r\n')) return
      socket.off('data', read)
      act(socket, /sec-websocket-key: (\S+)/i.exec(request)![1]!)
    }
    socket.on('data', read)
  })
}

/** A provider's answer that accepts the handshake. */
export function switching(key: string, more = ''): string {
  return (
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
    `Sec-WebSocket-Accept: ${acceptValue(key)}\r\n${more}\r\n`
  )
}

/** All log lines so far that have this message. */
export function linesOf({ log }: Setup, message: string): Record<string, unknown>[] {
  const lines = log().split('\n').filter(Boolean)
  const entries = lines.map((line) => JSON.parse(line) as Record<string, unknown>)
  return entries.filter(({ msg }) => msg === message)
}
