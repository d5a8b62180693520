import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { WebSocket, WebSocketServer } from 'ws'

export interface ConsumerOptions {
  readonly upstreamUrl: string
  readonly keys: { readonly openai: string; readonly deepgram: string }
}

/**
 * A relay as samples for an ASGI consumer have it: `connect()` accepts everybody, `receive()` sends to one
 * connection that all consumers of a provider share, and a task reads from it until it fails. What it does wrong,
 * on purpose: see the table in bad-examples.test.ts.
 */
export async function startConsumer({ upstreamUrl, keys }: ConsumerOptions) {
  const server = createServer()
  const consumers = new WebSocketServer({ server })
  const shared = new Map<string, WebSocket>()
  consumers.on('connection', (consumer, request) => {
    // A query taken apart by hand: "a=b=c" loses what follows the second "=".
    const [path = '', query = ''] = (request.url ?? '').split('?')
    const parameters = Object.fromEntries(query.split('&').map((part) => part.split('=')))
    const isOpenAI = path.endsWith('/realtime')
    const upstreamPath = isOpenAI
      ? '/v1/realtime'
      : parameters['service'] === 'transcription'
        ? '/v1/listen'
        : '/v1/agent/converse'
    const authorization = isOpenAI ? `Bearer ${keys.openai}` : `Token ${keys.deepgram}`
    // The whole query goes along, the user's token too.
    const provider = shareOrDial(
      shared,
      `${upstreamUrl}${upstreamPath}?${query}`,
      upstreamPath,
      authorization,
    )
    consumer.on('message', (data, binary) => {
      if (provider.readyState === WebSocket.OPEN) provider.send(data, { binary })
      // What comes before the provider has answered is lost.
    })
    // Whatever comes is bytes, and bytes are sent as bytes.
    provider.on('message', (data) => consumer.send(data, { binary: true }))
    provider.on('error', () => consumer.close(1011, 'Cannot connect'))
    consumer.on('error', () => {}) // 'close' follows
    // Nobody closes the provider's connection, and the consumer does not hear of its end.
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const close = () => {
    for (const consumer of consumers.clients) consumer.terminate()
    for (const provider of shared.values()) provider.terminate()
    server.closeAllConnections()
    server.close()
  }
  return { relay: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`, close }
}

/** One connection for the consumers that come while another's is still being dialled. */
function shareOrDial(
  shared: Map<string, WebSocket>,
  url: string,
  path: string,
  authorization: string,
): WebSocket {
  const there = shared.get(path)
  if (there !== undefined && there.readyState === WebSocket.OPEN) return there
  const provider = new WebSocket(url, { headers: { Authorization: authorization } })
  shared.set(path, provider)
  return provider
}
