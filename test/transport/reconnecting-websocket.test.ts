import { expect } from 'chai'
import {
  type Loss,
  ReconnectingWebSocket,
  type ReconnectingWebSocketOptions,
} from '../../src/transport/reconnecting-websocket.ts'
import { ScriptedSocket } from '../support/scripted-socket.ts'

function setUp(options: Partial<ReconnectingWebSocketOptions> = {}) {
  ScriptedSocket.reset()
  const log: string[] = []
  const { promise: ended, resolve } = Promise.withResolvers<Loss>()
  let dials = 0
  const socket = new ReconnectingWebSocket({
    endpoint: async () => ({ url: `wss://test.invalid/${dials++}`, protocols: ['a'] }),
    isFatal: (loss) => 'close' in loss && loss.close.code >= 3000,
    onopen: () => log.push('open'),
    onmessage: (data) => log.push(`message ${String(data)}`),
    onretry: (attempt, loss) =>
      log.push(`retry ${attempt} after ${'close' in loss ? loss.close.code : loss.cause}`),
    onend: (outcome) => {
      log.push('end')
      resolve(outcome)
    },
    WebSocket: ScriptedSocket.asWebSocket,
    random: () => 0,
    ...options,
  })
  return { socket, log, ended }
}

async function connected(options: Partial<ReconnectingWebSocketOptions> = {}) {
  const set = setUp(options)
  await set.socket.connect()
  const wire = ScriptedSocket.dialled[0] as ScriptedSocket
  wire.accept()
  set.socket.ready()
  return { ...set, wire }
}

describe('ReconnectingWebSocket', () => {
  it('connect() asks for the endpoint and offers its subprotocols', async () => {
    const { wire } = await connected()
    expect([wire.url, wire.protocols, wire.binaryType]).to.deep.equal([
      'wss://test.invalid/0',
      ['a'],
      'arraybuffer',
    ])
  })

  it('asks for a fresh endpoint at every dial', async () => {
    const { wire } = await connected()
    const next = ScriptedSocket.next()
    wire.drop(1006)
    expect((await next).url).to.equal('wss://test.invalid/1')
  })

  it('does not retry a first dial that fails, since a person waits for it', async () => {
    const { socket, ended, log } = setUp()
    await socket.connect()
    ScriptedSocket.dialled[0]?.drop(1006)
    expect(await ended).to.deep.equal({ close: { code: 1006, reason: '', opened: false } })
    expect(log).to.deep.equal(['end'])
  })

  it('counts attempts from the last ready(), not from the last open socket', async () => {
    const { wire, ended, log } = await connected({ maxAttempts: 3 })
    let current = wire
    for (let i = 0; i < 3; i++) {
      const next = ScriptedSocket.next()
      current.drop(1006)
      current = (await next).accept()
    }
    current.drop(1011)
    await ended
    expect(log.filter((line) => line.startsWith('retry'))).to.deep.equal([
      'retry 1 after 1006',
      'retry 2 after 1006',
      'retry 3 after 1006',
    ])
    expect(log.at(-1)).to.equal('end')
  })

  it('never retries a fatal close', async () => {
    const { wire, ended } = await connected()
    wire.drop(4401, 'ticket')
    expect(await ended).to.deep.equal({ close: { code: 4401, reason: 'ticket', opened: true } })
    expect(ScriptedSocket.dialled).to.have.length(1)
  })

  it('close() while waiting for the next attempt leaves no dial behind', async () => {
    const { wire, socket, log } = await connected({ initialMs: 1, random: () => 1 })
    wire.drop(1006)
    socket.close()
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(ScriptedSocket.dialled).to.have.length(1)
    expect(log).to.deep.equal(['open', 'retry 1 after 1006'])
  })

  it('close() while the endpoint is being fetched dials nothing and tells nothing', async () => {
    const { promise, resolve } = Promise.withResolvers<{ url: string; protocols: string[] }>()
    const { socket, log } = setUp({ endpoint: () => promise })
    const connecting = socket.connect()
    socket.close()
    resolve({ url: 'wss://test.invalid', protocols: [] })
    await connecting
    expect([ScriptedSocket.dialled.length, log]).to.deep.equal([0, []])
  })

  it('close() ends the socket and hears nothing of it afterwards', async () => {
    const { wire, socket, log } = await connected()
    socket.close(3001, 'bye')
    wire.say({ late: true }).drop(3001)
    expect([wire.closedWith, log]).to.deep.equal([3001, ['open']])
  })

  it('gives a dial up after connectTimeoutMs', async () => {
    const { socket, ended } = setUp({ connectTimeoutMs: 5 })
    await socket.connect()
    expect(await ended).to.deep.equal({ close: { code: 1006, reason: 'No answer in time', opened: false } })
    expect(ScriptedSocket.dialled[0]?.closedWith).to.equal(1000)
  })

  it('tells what the endpoint threw', async () => {
    const failure = new Error('no token')
    const { socket, ended } = setUp({ endpoint: () => Promise.reject(failure) })
    await socket.connect()
    expect(await ended).to.deep.equal({ cause: failure })
  })

  it('tries again where the endpoint cannot be had while reconnecting', async () => {
    let asked = 0
    const { wire, log } = await connected({
      endpoint: async () => {
        if (++asked === 2) throw 'no network'
        return { url: 'wss://test.invalid', protocols: [] }
      },
    })
    const next = ScriptedSocket.next()
    wire.drop(1006)
    ;(await next).accept()
    expect(log).to.deep.equal(['open', 'retry 1 after 1006', 'retry 2 after no network', 'open'])
  })

  it('send() does nothing while there is no open socket', async () => {
    const { wire, socket } = await connected()
    wire.readyState = 3
    socket.send('x')
    expect(wire.sent).to.deep.equal([])
  })
})
