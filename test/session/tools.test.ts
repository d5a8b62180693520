import { expect } from 'chai'
import { defineTool, type ToolCallEvent } from '../../src/index.ts'
import { aMoment, next, until } from '../support/events.ts'
import { ready, startScripted, stopScripted } from '../support/scripted-provider.ts'
import { ScriptedSocket } from '../support/scripted-socket.ts'

const call = (callId: string, name = 'look', text = '{}') => ({
  type: 'tool-call',
  callId,
  name,
  arguments: text,
})
const results = (socket: ScriptedSocket) => socket.texts.filter(({ type }) => type === 'tool-result')
const look = (handler: () => unknown) => defineTool({ name: 'look', description: 'Looks', handler })

describe('VoiceSession, its tools', () => {
  beforeEach(() => ScriptedSocket.reset())
  afterEach(stopScripted)

  it('tells the provider of them at every connection, and answers each call once', async () => {
    const { session, socket } = await startScripted({ tools: [look(() => 'a tree')] })
    const told: ToolCallEvent['status'][] = []
    session.on('toolcall', ({ status }) => told.push(status))
    expect(socket.texts[0]!['tools']).to.deep.equal([
      { name: 'look', description: 'Looks', parameters: { type: 'object', properties: {} } },
    ])
    socket.say(call('c1')).say(call('c1'))
    await until(() => told.includes('done'))
    await aMoment(5)
    expect(results(socket)).to.deep.equal([
      { type: 'tool-result', callId: 'c1', name: 'look', output: 'a tree' },
    ])
    const dialled = ScriptedSocket.next()
    socket.drop(1006)
    const second = ready(await dialled)
    expect(second.texts[0]!['history']).to.deep.equal([
      { role: 'tool', callId: 'c1', name: 'look', arguments: '{}', output: 'a tree' },
    ])
    expect(second.texts[0]!['tools']).to.have.length(1)
    expect(told).to.deep.equal(['running', 'done'])
  })

  it('answers a call of a tool that there is not, also where there are none', async () => {
    const { session, socket } = await startScripted()
    const warned = next(session, 'warning')
    socket.say(call('c1', 'unknown'))
    expect(await warned).to.deep.include({ code: 'tool-missing' })
    expect(results(socket)).to.deep.equal([
      { type: 'tool-result', callId: 'c1', name: 'unknown', output: 'There is no such tool' },
    ])
  })

  it('withdraws what the provider withdraws, and everything where the line is lost or the session ends', async () => {
    const signals: AbortSignal[] = []
    const wait = defineTool({
      name: 'look',
      description: 'Looks',
      handler: (_, { signal }) => {
        signals.push(signal)
        return new Promise(() => undefined)
      },
    })
    const { session, socket } = await startScripted({ tools: [wait] })
    const told: string[] = []
    session.on('toolcall', ({ callId, status }) => told.push(`${callId} ${status}`))
    socket.say(call('c1')).say(call('c2'))
    await until(() => signals.length === 2)
    socket.say({ type: 'tool-cancel', callIds: ['c1'] })
    expect(signals.map(({ aborted }) => aborted)).to.deep.equal([true, false])
    const dialled = ScriptedSocket.next()
    socket.drop(1006)
    expect(signals[1]!.aborted).to.equal(true)
    const second = ready(await dialled)
    second.say(call('c3'))
    await until(() => signals.length === 3)
    await session.stop()
    expect(signals[2]!.aborted).to.equal(true)
    expect(told).to.deep.equal([
      'c1 running',
      'c2 running',
      'c1 cancelled',
      'c2 cancelled',
      'c3 running',
      'c3 cancelled',
    ])
    expect([results(socket), results(second)]).to.deep.equal([[], []])
  })

  it('update() puts other tools in their place, for the provider and for the calls', async () => {
    const { session, socket } = await startScripted({ tools: [look(() => 'a tree')] })
    const updating = session.update({
      tools: [defineTool({ name: 'hear', description: 'Hears', handler: () => 'a bird' })],
    })
    await until(() => socket.texts.at(-1)?.type === 'update')
    const { id, config } = socket.texts.at(-1) as unknown as {
      id: number
      config: { tools: { name: string }[] }
    }
    expect(config.tools.map(({ name }) => name)).to.deep.equal(['hear'])
    socket.say({ type: 'updated', id })
    await updating
    socket.say(call('c1', 'hear'))
    await until(() => results(socket).length === 1)
    expect(results(socket)[0]).to.deep.include({ output: 'a bird' })
  })

  it('a conversation is not idle while a tool runs', async () => {
    const { promise, resolve } = Promise.withResolvers<string>()
    const { session, socket } = await startScripted({ tools: [look(() => promise)], idleTimeoutMs: 40 })
    const running = next(session, 'toolcall')
    socket.say(call('c1'))
    await running
    await aMoment(80)
    expect(session.state).to.equal('open')
    const ended = next(session, 'error')
    resolve('done')
    expect(await ended).to.deep.include({ code: 'idle-timeout' })
  })
})
