// The relay in an Express application, beside its own routes and another WebSocket server.
import { createServer } from 'node:http'
import express from 'express'
import { createRelay, readConfiguration } from 'voicewire-relay'
import { WebSocketServer } from 'ws'

const { relay: options, host, port, drainSeconds } = readConfiguration(process.env)

// Who sends a header a byte at a time is given up after ten seconds: Node looks only every half minute by itself.
const limits = { headersTimeout: 10_000, connectionsCheckingInterval: 1000 }

const app = express()
app.get('/', (_request, response) => response.type('text').send('The application\n'))

// Not app.listen(): a WebSocket begins at the server, which Express does not show.
const server = createServer(limits, app)

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
