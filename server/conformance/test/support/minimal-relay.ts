import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type RawData, WebSocket, WebSocketServer } from 'ws'

export interface MinimalOptions {
  readonly upstreamUrl: string
  readonly keys: { readonly openai: string; readonly deepgram: string }
  /** Whether the client's query goes along, without what is the relay's. */
  readonly passesQuery: boolean
}

/** A relay as short as guides have it, that does what the minimal profile wants. */
export async function startMinimalRelay({ upstreamUrl, keys, passesQuery }: MinimalOptions) {
  const server = createServer()
  const clients = new WebSocketServer({ server })
  clients.on('connection', (client, request) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://relay')
    const isOpenAI = pathname === '/realtime'
    const listens = searchParams.get('service') === 'transcription'
    const path = isOpenAI ? '/v1/realtime' : listens ? '/v1/listen' : '/v1/agent/converse'
    for (const own of ['token', 'service']) searchParams.delete(own)
    const authorization = isOpenAI ? `Bearer ${keys.openai}` : `Token ${keys.deepgram}`
    const provider = new WebSocket(`${upstreamUrl}${path}${passesQuery ? `?${searchParams}` : ''}`, {
      headers: { Authorization: authorization },
    })
    const early: [RawData, boolean][] = []
    client.on('message', (data, binary) => {
      if (provider.readyState === WebSocket.CONNECTING) early.push([data, binary])
      else if (provider.readyState === WebSocket.OPEN) provider.send(data, { binary })
    })
    provider.on('open', () => {
      for (const [data, binary] of early) provider.send(data, { binary })
    })
    provider.on('message', (data, binary) => client.send(data, { binary }))
    client.on('error', () => {}) // 'close' follows
    provider.on('error', () => client.close(1011))
    client.on('close', (code) => end(provider, code))
    provider.on('close', (code) => end(client, code))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const close = () => {
    for (const client of clients.clients) client.terminate()
    server.closeAllConnections()
    server.close()
  }
  return { relay: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`, close }
}

/** Ends one side as the other ended. */
function end(socket: WebSocket, code: number): void {
  if (socket.readyState === WebSocket.CONNECTING) socket.terminate()
  else socket.close(code === 1005 ? 1000 : code === 1006 ? 1011 : code)
}
