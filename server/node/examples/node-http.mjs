// The relay in a server of node:http, beside its own routes and another WebSocket server.
import { createServer } from 'node:http'
import { createRelay, readConfiguration } from 'voicewire-relay'
import { WebSocketServer } from 'ws'

const { relay: options, host, port, drainSeconds } = readConfiguration(process.env)

// Who sends a header a byte at a time is given up after ten seconds: Node looks only every half minute by itself.
const limits = { headersTimeout: 10_000, connectionsCheckingInterval: 1000 }

const server = createServer(limits, (request, response) => {
  response.writeHead(request.url === '/' ? 200 : 404, { 'Content-Type': 'text/plain' })
  response.end(request.url === '/' ? 'The application\n' : 'There is nothing here\n')
})

const relay = createRelay(options)
relay.attach(server, { takenElsewhere: (request) => request.url === '/chat' })

// Another WebSocket server takes its own path, and the relay all others.
const chat = new WebSocketServer({ noServer: true })
chat.on('connection', (socket) => socket.on('message', (data) => socket.send(`chat: ${data}`)))
server.on('upgrade', (request, socket, head) => {
  if (request.url !== '/chat') return
  chat.handleUpgrade(request, socket, head, (client) => chat.emit('connection', client, request))
})

server.listen(port, host, () => console.log(`listens on http://${host}:${server.address().port}`))

process.once('SIGTERM', async () => {
  server.close()
  await relay.close({ drainSeconds })
  process.exit(0)
})
