// The relay in a Fastify application, beside its own routes and another WebSocket server.
import Fastify from 'fastify'
import { createRelay, readConfiguration } from 'voicewire-relay'
import { WebSocketServer } from 'ws'

const { relay: options, host, port, drainSeconds } = readConfiguration(process.env)

// Who sends a header a byte at a time is given up after ten seconds: Node looks only every half minute by itself.
const limits = { headersTimeout: 10_000, connectionsCheckingInterval: 1000 }

const app = Fastify({ http: limits })
app.get('/', (_request, reply) => reply.type('text/plain').send('The application\n'))
await app.ready()

const relay = createRelay(options)
relay.attach(app.server, { takenElsewhere: (request) => request.url === '/chat' })

// Another WebSocket server takes its own path, and the relay all others.
const chat = new WebSocketServer({ noServer: true })
chat.on('connection', (socket) => socket.on('message', (data) => socket.send(`chat: ${data}`)))
app.server.on('upgrade', (request, socket, head) => {
  if (request.url !== '/chat') return
  chat.handleUpgrade(request, socket, head, (client) => chat.emit('connection', client, request))
})

console.log(`listens on ${await app.listen({ host, port })}`)

process.once('SIGTERM', async () => {
  app.server.close()
  await relay.close({ drainSeconds })
  process.exit(0)
})
