import { expect } from 'chai'
import { OpenAIRealtime, VoiceSession } from '../../src/index.ts'
import { ScriptedSocket, scriptedServer } from '../../src/testing/index.ts'

describe('scriptedServer', () => {
  beforeEach(() => ScriptedSocket.reset())

  it('plays the server over each socket that is dialled', async () => {
    const server = scriptedServer(async (socket) => {
      socket.accept().say({ type: 'session.created', session: {} })
      const { session } = await socket.whenSent('session.update')
      socket.say({ type: 'session.updated', session })
    })
    const session = new VoiceSession({
      provider: new OpenAIRealtime(),
      getToken: () => 'token',
      input: 'none',
      WebSocket: server.WebSocket,
    })
    await session.start()
    expect([session.state, server.dialled.length]).to.deep.equal(['open', 1])
    await session.stop()
    expect(server.dialled[0]?.closedWith).to.equal(1000)
  })

  it('has sockets of its own', async () => {
    const [one, other] = [scriptedServer(), scriptedServer()]
    const next = one.next()
    new other.WebSocket('wss://test.invalid/other')
    const socket = new one.WebSocket('wss://test.invalid/one')
    expect(await next).to.equal(socket)
    expect(one.dialled).to.deep.equal([socket])
    expect([other.dialled.length, ScriptedSocket.dialled.length]).to.deep.equal([1, 0])
  })

  it('waits with the script until whoever dials can listen', async () => {
    const server = scriptedServer((socket) => {
      socket.accept()
    })
    const socket = new server.WebSocket('wss://test.invalid/')
    await new Promise((resolve) => {
      socket.onopen = resolve
    })
    expect(socket.readyState).to.equal(WebSocket.OPEN)
  })
})
