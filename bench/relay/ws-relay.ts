/** What one writes in an afternoon: two WebSockets of `ws`, each of which sends what the other receives. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { type RawData, WebSocket, WebSocketServer } from 'ws'
import { answer } from './remote.ts'

const [, , upstream = '', parse] = process.argv
const options = { perMessageDeflate: false }
const server = new WebSocketServer({ host: '127.0.0.1', port: 0, backlog: 2048, ...options })

server.on('connection', (client, { url = '' }) => {
  const provider = new WebSocket(upstream + url, options)
  const early: [RawData, boolean][] = []
  client.on('message', (data, binary) => {
    if (provider.readyState === WebSocket.CONNECTING) early.push([data, binary])
    else forward(provider, data, binary)
  })
  provider.on('open', () => {
    for (const [data, binary] of early.splice(0)) forward(provider, data, binary)
  })
  provider.on('message', (data, binary) => forward(client, data, binary))
  client.on('close', () => provider.close())
  provider.on('close', () => client.close())
  client.on('error', () => {}) // 'close' follows
  provider.on('error', () => {})
})

function forward(to: WebSocket, data: RawData, binary: boolean): void {
  if (to.readyState !== WebSocket.OPEN) return
  if (parse === undefined || binary) to.send(data, { binary })
  else to.send(JSON.stringify(JSON.parse(data.toString())))
}

await once(server, 'listening')

answer({ port: () => (server.address() as AddressInfo).port, sessions: () => server.clients.size })
