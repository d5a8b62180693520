import { expect } from 'chai'
import { DeepgramAgent, DeepgramListen, defineTool, VoiceError, VoiceSession } from '../../src/index.ts'
import { aMoment, next, rejection, until } from '../support/events.ts'
import {
  createScripted as create,
  ready,
  ScriptedProvider,
  startScripted as started,
  stopScripted,
} from '../support/scripted-provider.ts'
import { ScriptedSocket } from '../support/scripted-socket.ts'

const look = defineTool({ name: 'look', description: 'Looks', handler: () => 'found' })
const types = (socket: ScriptedSocket) => socket.texts.map(({ type }) => type)
const said = (id: string, role: 'user' | 'assistant', text: string) => ({
  type: 'transcript',
  id,
  role,
  text,
  final: true,
})

describe('VoiceSession, what it survives', () => {
  beforeEach(() => ScriptedSocket.reset())

  afterEach(async () => {
    await stopScripted()
    for (const { readyState } of ScriptedSocket.dialled) expect(readyState).to.be.at.least(2)
  })

  it('replays what was said since the start, tools included, and greets no second time', async () => {
    const { session, socket } = await started()
    expect(socket.texts[0]).to.deep.include({ history: [], resumed: false })
    socket.say(said('u1', 'user', 'Hello')).say(said('a1', 'assistant', 'Hi'))
    const dialled = ScriptedSocket.next()
    socket.drop(1006)
    const second = ready(await dialled)
    expect(second.texts[0]).to.deep.include({
      resumed: true,
      history: [
        { role: 'user', text: 'Hello' },
        { role: 'assistant', text: 'Hi' },
      ],
    })
    await session.stop()
    const third = ScriptedSocket.next()
    const again = session.start()
    expect(ready(await third).texts[0]).to.deep.include({ history: [], resumed: false })
    await again
    expect(session.transcript.map(({ text }) => text)).to.deep.equal(['Hello', 'Hi'])
  })

  it('history goes on with what was said elsewhere', async () => {
    const history = [
      { role: 'user', text: 'Yesterday' },
      { role: 'tool', callId: 'c', name: 'look', arguments: '{}', output: 'found' },
      { role: 'assistant', text: 'Indeed' },
    ] as const
    const { session, socket } = await started({ history })
    expect(socket.texts[0]).to.deep.include({ history, resumed: true })
    expect(session.transcript.map(({ text }) => text)).to.deep.equal(['Yesterday', 'Indeed'])
  })

  it('history is gone on with though the first start fails', async () => {
    const history = [{ role: 'user', text: 'Yesterday' }] as const
    const session = create({ history })
    const dialled = ScriptedSocket.next()
    const failing = rejection(session.start())
    ;(await dialled).refuse()
    await failing
    const again = ScriptedSocket.next()
    const starting = session.start()
    expect(ready(await again).texts[0]).to.deep.include({ history, resumed: true })
    await starting
  })

  it('keeps of an answer that was cut off the words that were heard', async () => {
    const { session, socket } = await started()
    socket.say(said('a1', 'assistant', 'one two three four five six seven eight nine ten'))
    const speaking = next(session, 'agentstatechange', ({ state }) => state === 'speaking')
    socket.say(new Int16Array(24_000 * 2).fill(1000).buffer)
    await speaking
    await until(() => session.stats.bufferedMs > 0 && session.stats.bufferedMs < 1500)
    const cut = next(session, 'interrupt')
    session.interrupt()
    const { heardMs, receivedMs } = await cut
    const words = session.transcript[0]!.text.split(' ').length
    expect(words / 10).to.be.closeTo(heardMs / receivedMs, 0.06)
    expect(words).to.be.within(1, 7)
  })

  it('does not take late sound of what was cut off for speech', async () => {
    const { session, socket } = await started()
    const speaking = next(session, 'agentstatechange', ({ state }) => state === 'speaking')
    socket.say(new Int16Array(48_000).fill(1000).buffer)
    await speaking
    const cut = next(session, 'interrupt')
    session.interrupt()
    await cut
    socket.say(new Int16Array(4800).fill(1000).buffer).say({ type: 'audio-end', itemId: 'a1' })
    expect(session.agentState).to.equal('listening')
  })

  it('renews the line in a pause before the provider ends it, without a word of warning', async () => {
    const { session, socket } = await started()
    const told: unknown[] = []
    session.on('warning', (warning) => told.push(warning))
    const speaking = next(session, 'agentstatechange', ({ state }) => state === 'speaking')
    socket.say(new Int16Array(4800).fill(1000).buffer)
    await speaking
    socket.say({ type: 'expiring', inMs: 60_000 })
    await aMoment(50)
    expect([session.state, ScriptedSocket.dialled.length]).to.deep.equal(['open', 1])
    const dialled = ScriptedSocket.next()
    socket.say({ type: 'audio-end', itemId: 'a1' })
    const second = await dialled
    expect([session.state, socket.closedWith]).to.deep.equal(['reconnecting', 1000])
    ready(second)
    expect([session.state, told]).to.deep.equal(['open', []])
  })

  it('does not renew the line while a call waits for approval', async () => {
    const asked = Promise.withResolvers<void>()
    const approval = Promise.withResolvers<boolean>()
    const approve = () => {
      asked.resolve()
      return approval.promise
    }
    const pay = defineTool({ name: 'pay', description: 'Pays', handler: () => 'paid', approve })
    const { socket } = await started({ tools: [pay] })
    socket.say({ type: 'tool-call', callId: 'c', name: 'pay', arguments: '{}' })
    await asked.promise
    socket.say({ type: 'expiring', inMs: 60_000 })
    await aMoment(50)
    expect(ScriptedSocket.dialled.length).to.equal(1)
    const dialled = ScriptedSocket.next()
    approval.resolve(true)
    ready(await dialled)
    expect(types(socket)).to.include('tool-result')
  })

  it('renews the line at the last moment though somebody speaks', async () => {
    const { socket } = await started()
    socket.say({ type: 'speech-start' })
    const dialled = ScriptedSocket.next()
    socket.say({ type: 'expiring', inMs: 5010 })
    ready(await dialled)
  })

  it('dials anew where the server is asked and says nothing', async () => {
    const { session } = await started({ stallTimeoutMs: 20 })
    const warned = next(session, 'warning')
    const dialled = ScriptedSocket.next()
    session.sendText('Are you there?')
    ready(await dialled)
    expect(await warned).to.deep.include({ code: 'connection-lost' })
    expect(session.state).to.equal('open')
  })

  it('stays on the line where the server answers, however late the answer ends', async () => {
    const { session, socket } = await started({ stallTimeoutMs: 20 })
    const sent = next(session, 'message', ({ direction }) => direction === 'out')
    session.sendText('Are you there?')
    await sent
    socket.say({ type: 'thinking' })
    await aMoment(60)
    expect([session.state, ScriptedSocket.dialled.length]).to.deep.equal(['open', 1])
  })

  it('stop() waits for the last results of a provider that has them', async () => {
    const { session, socket } = await started({ provider: new ScriptedProvider({ silentOn: [] }) })
    const heard: string[] = []
    session.on('transcript', ({ entry }) => heard.push(entry.text))
    let stopped = false
    const stopping = session.stop().then(() => {
      stopped = true
    })
    expect(types(socket)).to.include('close')
    await aMoment(30)
    expect([stopped, session.state, socket.closedWith]).to.deep.equal([false, 'closing', null])
    socket.say(said('u1', 'user', 'the last word')).say({ type: 'closed' })
    await stopping
    expect([heard, session.state, socket.closedWith]).to.deep.equal([['the last word'], 'closed', 1000])
  })

  it('stop() sends nothing after it has asked for the last results', async () => {
    const provider = new ScriptedProvider({ silentOn: [], keepAlive: { intervalMs: 10, data: 'alive' } })
    const { session, socket } = await started({ provider, input: 'microphone' })
    await until(() => socket.sent.length > 5)
    const stopping = session.stop()
    await aMoment(600)
    expect(socket.sent.at(-1)).to.equal('{"type":"close"}')
    socket.say({ type: 'closed' })
    await stopping
  })

  it('stop() leaves no entry that is not final', async () => {
    const { session, socket } = await started()
    socket.say({ type: 'transcript', id: 'a1', role: 'assistant', delta: 'Hel', final: false })
    const told = next(session, 'transcript')
    await session.stop()
    expect((await told).entry).to.deep.include({ text: 'Hel', final: true })
    expect(session.transcript[0]!.final).to.equal(true)
  })

  it('stop() ends though the provider throws at it', async () => {
    const { onerror } = window
    const told: unknown[] = []
    window.onerror = (_message, _file, _line, _column, error) => told.push(error?.message) > 0
    try {
      const provider = new ScriptedProvider()
      const { session, socket } = await started({ provider })
      provider.encode = () => {
        throw new Error('on purpose')
      }
      await session.stop()
      expect([session.state, socket.closedWith, told]).to.deep.equal(['closed', 1000, ['on purpose']])
    } finally {
      window.onerror = onerror
    }
  })

  it('stop() takes the end of the line for the end of the results', async () => {
    const { session, socket } = await started({ provider: new ScriptedProvider({ silentOn: [] }) })
    const told: unknown[] = []
    session.on('error', (error) => told.push(error))
    const stopping = session.stop()
    socket.drop(1000)
    await stopping
    expect([session.state, told, ScriptedSocket.dialled.length]).to.deep.equal(['closed', [], 1])
  })

  it('idleTimeoutMs ends a conversation in which nobody says anything, and says why', async () => {
    const { session } = await started({ idleTimeoutMs: 20 })
    expect(await next(session, 'error')).to.deep.include({ code: 'idle-timeout', retryable: true })
    expect(session.state).to.equal('closed')
  })

  it('idleTimeoutMs does not run while somebody is active', async () => {
    const { session, socket } = await started({ idleTimeoutMs: 60 })
    socket.say({ type: 'speech-start' })
    await aMoment(90)
    expect(session.state).to.equal('open')
    const speaking = next(session, 'agentstatechange', ({ state }) => state === 'speaking')
    socket.say({ type: 'speech-end' }).say(new Int16Array(24_000).fill(1000).buffer)
    await speaking
    await aMoment(90)
    expect(session.state).to.equal('open')
    const ended = next(session, 'error')
    socket.say({ type: 'audio-end', itemId: 'a1' })
    await next(session, 'agentstatechange', ({ state }) => state === 'listening')
    const silentAt = performance.now()
    expect(await ended).to.deep.include({ code: 'idle-timeout' })
    expect(performance.now() - silentAt).to.be.at.least(55)
  })

  it('idleTimeoutMs runs on while the line is lost and found again', async () => {
    const { session, socket } = await started({ idleTimeoutMs: 600 })
    const startedAt = performance.now()
    const ended = next(session, 'error')
    await aMoment(450)
    const dialled = ScriptedSocket.next()
    socket.drop(1006)
    ready(await dialled)
    expect(await ended).to.deep.include({ code: 'idle-timeout' })
    expect(performance.now() - startedAt).to.be.below(950)
  })

  it('maxDurationMs ends a conversation in the midst of a word', async () => {
    const { session, socket } = await started({ maxDurationMs: 30 })
    socket.say({ type: 'speech-start' })
    expect(await next(session, 'error')).to.deep.include({ code: 'duration-limit' })
  })

  for (const name of ['idleTimeoutMs', 'maxDurationMs', 'stallTimeoutMs'] as const) {
    it(`${name} refuses what is no length of time`, () => {
      for (const value of [0, -1, Number.NaN, 2 ** 31]) {
        expect(() => create({ [name]: value })).to.throw(RangeError, `current value is ${value}`)
      }
    })
  }

  it('ends where the user leaves the page', async () => {
    const { session, socket } = await started()
    const closed = next(session, 'statechange', ({ state }) => state === 'closed')
    dispatchEvent(new PageTransitionEvent('pagehide'))
    await closed
    expect(socket.closedWith).to.equal(1000)
  })

  it('whenHidden mutes while the tab is hidden, or ends the conversation', async () => {
    const hide = (hidden: boolean) => {
      Object.defineProperty(document, 'visibilityState', {
        configurable: true,
        value: hidden ? 'hidden' : 'visible',
      })
      document.dispatchEvent(new Event('visibilitychange'))
    }
    try {
      const { session: mutes } = await started({ whenHidden: 'mute' })
      const { session: goesOn } = await started()
      const { session: stops } = await started({ whenHidden: 'stop' })
      hide(true)
      expect([mutes.muted, goesOn.muted, stops.state]).to.deep.equal([true, false, 'closing'])
      hide(false)
      expect([mutes.muted, mutes.state, goesOn.state]).to.deep.equal([false, 'open', 'open'])
      mutes.muted = true
      hide(true)
      hide(false)
      expect(mutes.muted).to.equal(true)
    } finally {
      Reflect.deleteProperty(document, 'visibilityState')
    }
  })

  it('whenHidden does not leave the next conversation muted', async () => {
    const { session } = await started({ whenHidden: 'mute' })
    Object.defineProperty(document, 'visibilityState', { configurable: true, value: 'hidden' })
    try {
      document.dispatchEvent(new Event('visibilitychange'))
      expect(session.muted).to.equal(true)
      await session.stop()
      expect(session.muted).to.equal(false)
    } finally {
      Reflect.deleteProperty(document, 'visibilityState')
    }
  })

  it('retries at once where the network is back', async () => {
    const { session, socket } = await started({ reconnect: { initialMs: 1e8, maxMs: 1e8 } })
    socket.drop(1006)
    expect(session.state).to.equal('reconnecting')
    const dialled = ScriptedSocket.next()
    dispatchEvent(new Event('online'))
    ready(await dialled)
    expect(session.state).to.equal('open')
  })

  it('retries at once where the user comes back to the page', async () => {
    const { session, socket } = await started({ reconnect: { initialMs: 1e8, maxMs: 1e8 } })
    socket.drop(1006)
    const dialled = ScriptedSocket.next()
    document.dispatchEvent(new Event('visibilitychange'))
    ready(await dialled)
    expect(session.state).to.equal('open')
  })

  it('asks the relay why it refuses a new line, and ends where the same again would be refused again', async () => {
    const { fetch } = globalThis
    const asked: string[] = []
    globalThis.fetch = async (url) => {
      asked.push(String(url))
      const status = asked.length === 1 ? 503 : 403
      return new Response(JSON.stringify({ error: { message: 'not from here' } }), { status })
    }
    try {
      const { session, socket } = await started({
        proxyEndpoint: 'wss://relay.test/',
        getToken: () => 'ticket',
      })
      const full = ScriptedSocket.next()
      const ended = next(session, 'error')
      socket.drop(1006)
      const refused = ScriptedSocket.next()
      ;(await full).drop(1006)
      ;(await refused).drop(1006)
      expect(await ended).to.deep.include({ code: 'forbidden', retryable: false })
      expect((await ended).message).to.contain('not from here')
      expect([asked.length, ScriptedSocket.dialled.length, session.state]).to.deep.equal([2, 3, 'closed'])
    } finally {
      globalThis.fetch = fetch
    }
  })

  it('goes on and ends though a listener throws, which is told as any failure of the page', async () => {
    const { onerror } = window
    const told: unknown[] = []
    window.onerror = (_message, _file, _line, _column, error) => told.push(error?.message) > 0
    try {
      const session = create()
      const heard: string[] = []
      session.on('statechange', ({ state }) => {
        throw new Error(`on purpose: ${state}`)
      })
      session.on('statechange', ({ state }) => heard.push(state))
      const dialled = ScriptedSocket.next()
      const starting = session.start()
      const socket = ready(await dialled)
      await starting
      await session.stop()
      expect(heard).to.deep.equal(['connecting', 'open', 'closing', 'closed'])
      expect(told).to.deep.equal(heard.map((state) => `on purpose: ${state}`))
      expect(socket.closedWith).to.equal(1000)
    } finally {
      window.onerror = onerror
    }
  })

  it('gives up on a server that accepts and drops, also where there is no handshake', async () => {
    const provider = new DeepgramListen()
    const reconnect = { initialMs: 1, maxMs: 1, maxAttempts: 3 }
    const session = new VoiceSession({
      provider,
      getToken: () => 'token',
      WebSocket: ScriptedSocket.asWebSocket,
      reconnect,
      input: 'none',
    })
    const ended = next(session, 'error')
    const first = ScriptedSocket.next()
    const starting = session.start()
    let socket = (await first).accept()
    await starting
    for (let i = 0; i < 3; i++) {
      const dialled = ScriptedSocket.next()
      socket.drop(1011)
      socket = (await dialled).accept()
    }
    socket.drop(1011)
    expect(await ended).to.deep.include({ code: 'connection-lost' })
    expect([session.state, ScriptedSocket.dialled.length]).to.deep.equal(['closed', 4])
  })

  it('keeps no line alive that is busy, or on which last results are awaited', async () => {
    const keepAlive = { intervalMs: 20, data: '{"type":"alive"}' }
    const { session, socket } = await started({ provider: new ScriptedProvider({ silentOn: [], keepAlive }) })
    socket.bufferedAmount = 50_000
    await aMoment(600)
    expect(types(socket)).to.deep.equal(['open'])
    socket.bufferedAmount = 0
    await socket.whenSent('alive')
    const stopping = session.stop()
    await aMoment(600)
    expect(types(socket).at(-1)).to.equal('close')
    socket.say({ type: 'closed' })
    await stopping
  })

  it('a thousand reconnects end as they began', async () => {
    const { session, socket } = await started()
    let line = socket
    for (let i = 0; i < 1000; i++) {
      const dialled = ScriptedSocket.next()
      line.drop(1006)
      line = ready(await dialled)
    }
    expect([
      session.state,
      ScriptedSocket.dialled.filter(({ readyState }) => readyState < 2).length,
    ]).to.deep.equal(['open', 1])
  })
})

describe('VoiceSession, what it can be asked', () => {
  beforeEach(() => ScriptedSocket.reset())

  afterEach(async () => {
    await stopScripted()
  })

  it('update() resolves when the provider has taken the change over', async () => {
    const { session, socket } = await started()
    let taken = false
    const updating = session.update({ instructions: 'Be brief' }).then(() => {
      taken = true
    })
    await aMoment(10)
    const { id, config } = socket.texts.at(-1) as { id?: number; config?: object }
    expect([taken, config]).to.deep.equal([false, { instructions: 'Be brief' }])
    socket.say({ type: 'updated', id })
    await updating
  })

  it('update() rejects with why the provider refuses, where the line is lost, and where the session ends', async () => {
    const { session, socket } = await started()
    const lost = rejection(session.update({ voice: 'a' }))
    await aMoment(5)
    const dialled = ScriptedSocket.next()
    socket.drop(1006)
    expect(await lost)
      .to.be.instanceOf(VoiceError)
      .and.to.deep.include({ code: 'connection-lost' })
    ready(await dialled)
    const stopped = rejection(session.update({ voice: 'b' }))
    await aMoment(5)
    await session.stop()
    expect(await stopped)
      .to.be.instanceOf(DOMException)
      .and.to.deep.include({ name: 'AbortError' })
  })

  it('interrupt() gives up the answer of an agent that only writes', async () => {
    const provider = new ScriptedProvider({ outputFormat: null, silentOn: ['close'] })
    const { session, socket } = await started({ provider })
    socket.say({ type: 'thinking' })
    session.interrupt()
    await until(() => types(socket).includes('interrupt'))
    expect(socket.texts.at(-1)).to.deep.equal({ type: 'interrupt', bySpeech: false, items: [] })
  })

  it('update() resolves where there is nothing to change, and rejects with what the provider throws', async () => {
    const silent = await started({ provider: new ScriptedProvider({ silentOn: ['update', 'close'] }) })
    await silent.session.update({})
    const provider = new ScriptedProvider()
    const { session } = await started({ provider })
    provider.encode = () => {
      throw new TypeError('not like this')
    }
    expect(await rejection(session.update({ voice: 'x' }))).to.be.instanceOf(TypeError)
    Reflect.deleteProperty(provider, 'encode')
  })

  it('update() rejects where the line is lost while what runs tools is loaded', async () => {
    const { session, socket } = await started()
    const lost = rejection(session.update({ voice: 'a', tools: [look] }))
    socket.drop(1006)
    expect(await lost).to.deep.include({ code: 'connection-lost' })
  })

  it('update() that is refused leaves the tools that were in force', async () => {
    const { session, socket } = await started()
    const refused = rejection(session.update({ tools: [look] }))
    const { id } = await socket.whenSent('update')
    socket.say({ type: 'update-rejected', id, error: { code: 'configuration-rejected' } })
    expect(await refused).to.deep.equal({ code: 'configuration-rejected' })
    const dialled = ScriptedSocket.next()
    socket.drop(1006)
    expect(ready(await dialled).texts[0]).to.deep.include({ tools: [] })
  })

  it('update() that throws leaves no second rejection behind', async () => {
    const rejections: unknown[] = []
    const onrejection = ({ reason }: PromiseRejectionEvent) => rejections.push(reason)
    addEventListener('unhandledrejection', onrejection)
    const session = new VoiceSession({
      provider: new DeepgramAgent({ agentId: 'kept' }),
      getToken: () => 'token',
      WebSocket: ScriptedSocket.asWebSocket,
      input: 'none',
    })
    const dialled = ScriptedSocket.next()
    const starting = session.start()
    ;(await dialled).accept().say({ type: 'Welcome' }).say({ type: 'SettingsApplied' })
    await starting
    expect(await rejection(session.update({ instructions: 'Be brief' }))).to.be.instanceOf(TypeError)
    await session.stop()
    await aMoment(20)
    removeEventListener('unhandledrejection', onrejection)
    expect(rejections).to.deep.equal([])
  })

  it('texts and pictures leave in the order in which they were said', async () => {
    const { session, socket } = await started()
    const speaking = next(session, 'agentstatechange', ({ state }) => state === 'speaking')
    socket.say(new Int16Array(48_000).fill(1000).buffer)
    await speaking
    session.sendText('one')
    session.sendImage('data:image/png;base64,AA==', { text: 'two' })
    session.sendText('three')
    await until(() => types(socket).filter((type) => type !== 'open').length === 3)
    expect(socket.texts.slice(1).map(({ text }) => text)).to.deep.equal(['one', 'two', 'three'])
  })

  it('endTurn(), send() and sendRaw() reach the provider', async () => {
    const { session, socket } = await started()
    session.endTurn()
    session.send({ type: 'fly', height: 3 })
    session.sendRaw('{"type":"raw"}')
    expect(socket.texts.slice(1)).to.deep.equal([
      { type: 'end-turn' },
      { type: 'fly', height: 3 },
      { type: 'raw' },
    ])
    expect(session.agentState).to.equal('thinking')
  })

  it('refuses what the provider cannot do, and everything while it is not open', async () => {
    const provider = new ScriptedProvider({ capabilities: { text: false, update: false } })
    const { session } = await started({ provider })
    expect(() => session.sendText('x'))
      .to.throw(DOMException, 'scripted does not')
      .with.property('name', 'NotSupportedError')
    expect(await rejection(session.update({ voice: 'x' }))).to.have.property('name', 'NotSupportedError')
    await session.stop()
    for (const call of [
      () => session.endTurn(),
      () => session.sendRaw(''),
      () => session.sendImage('data:'),
    ]) {
      expect(call).to.throw(DOMException, 'must be open: current value is closed')
    }
  })

  it('detail tells what only this provider has', async () => {
    const { session, socket } = await started()
    const told = next(session, 'detail')
    socket.say({ type: 'detail', detail: { name: 'weather', degrees: 21 } })
    expect(await told).to.deep.equal({ name: 'weather', degrees: 21 })
  })

  it('usage adds up', async () => {
    const { session, socket } = await started()
    const usage = {
      source: 'response',
      inputTokens: 10,
      outputTokens: 5,
      cachedTokens: 4,
      inputAudioTokens: 6,
      outputAudioTokens: 3,
      seconds: 0,
    }
    socket.say({ type: 'usage', usage })
    const told = next(session, 'usage')
    socket.say({ type: 'usage', usage })
    expect((await told).total).to.deep.equal({
      inputTokens: 20,
      outputTokens: 10,
      cachedTokens: 8,
      inputAudioTokens: 12,
      outputAudioTokens: 6,
      seconds: 0,
    })
    expect(session.stats.usage.inputTokens).to.equal(20)
  })

  it('turn tells how long an answer took, in sound and in text, and leaves entries for the browser', async () => {
    const { session, socket } = await started()
    const spoken = next(session, 'turn')
    socket.say({ type: 'speech-start' }).say({ type: 'speech-end' })
    await aMoment(20)
    socket.say(new Int16Array(2400).fill(1000).buffer).say({ type: 'latency', latency: { thinkMs: 7 } })
    socket.say({ type: 'audio-end', itemId: 'a1' })
    const { firstByteMs, responseMs, provider } = await spoken
    expect(firstByteMs).to.be.within(18, 500)
    expect(responseMs).to.be.within(firstByteMs!, firstByteMs! + 500)
    expect(provider).to.deep.equal({ thinkMs: 7 })
    const [entry] = performance.getEntriesByName('voicewire:response', 'measure')
    expect(entry!.duration).to.be.closeTo(responseMs!, 0.1)
    const typed = next(session, 'turn')
    session.sendText('Hello')
    await until(() => types(socket).includes('text'))
    // Firefox's clock has steps of 1 ms.
    await aMoment(2)
    socket.say({ type: 'thinking' }).say(said('a2', 'assistant', 'Hi'))
    socket.say({ type: 'response-end', status: 'completed' })
    expect((await typed).responseMs).to.equal(null)
    expect((await typed).firstByteMs).to.be.above(0)
  })

  it('turn tells how long the answer took where a tool was called for it', async () => {
    const slow = defineTool({
      name: 'slow',
      description: 'Takes its time',
      handler: async () => {
        await aMoment(20)
        return 'done'
      },
    })
    const { session, socket } = await started({ tools: [slow] })
    const turns: unknown[] = []
    session.on('turn', (turn) => turns.push(turn))
    session.endTurn()
    socket.say({ type: 'thinking' }).say({ type: 'tool-call', callId: 'c', name: 'slow', arguments: '{}' })
    await socket.whenSent('tool-result')
    socket.say({ type: 'response-end', status: 'completed' })
    expect(turns).to.deep.equal([])
    const turn = next(session, 'turn')
    socket.say({ type: 'thinking' }).say(said('a1', 'assistant', 'It is there'))
    socket.say({ type: 'response-end', status: 'completed' })
    expect((await turn).firstByteMs).to.be.within(18, 5000)
  })

  it('stats tell the stages of a connect', async () => {
    const { session } = await started({
      getToken: async () => {
        await aMoment(20)
        return 'token'
      },
    })
    const { tokenMs, dialMs, handshakeMs } = session.stats.connect!
    expect(tokenMs).to.be.within(18, 500)
    expect(dialMs).to.be.within(0, 200)
    expect(handshakeMs).to.be.within(0, 200)
  })

  it('speech to text alone listens, and never waits for an answer', async () => {
    const provider = new ScriptedProvider({
      capabilities: { speech: false, text: false },
      outputFormat: null,
    })
    const { session, socket } = await started({ provider })
    socket.say({ type: 'speech-start' }).say({ type: 'speech-end' })
    expect(session.agentState).to.equal('listening')
  })

  it('G.711 leaves as bytes, silence as its silence', async () => {
    const inputFormat = { encoding: 'mulaw', sampleRate: 8000 } as const
    const { session, socket } = await started({
      provider: new ScriptedProvider({ inputFormat }),
      input: 'microphone',
    })
    session.muted = true
    const bytes = () => socket.sent.filter((data) => data instanceof Uint8Array)
    await until(() => bytes().length > 5)
    const last = bytes().at(-1)!
    expect([last.length, [...new Set(last)]]).to.deep.equal([160, [0xff]])
  })

  it('endTurn() is told after all that was said, also where the line is slow', async () => {
    const provider = new ScriptedProvider({ whileMuted: 'nothing' })
    const { session, socket } = await started({ provider, input: 'microphone' })
    await until(() => socket.sent.length > 5)
    socket.bufferedAmount = 1e6
    const { length } = socket.sent
    await aMoment(200)
    expect(socket.sent.length).to.equal(length)
    session.muted = true
    session.endTurn()
    const [told, ...rest] = socket.sent.slice(length).reverse()
    expect(told).to.equal('{"type":"end-turn"}')
    expect(rest.length).to.be.above(3)
  })

  it('whileMuted nothing keeps the silence of a muted microphone to itself', async () => {
    const provider = new ScriptedProvider({ whileMuted: 'nothing' })
    const { session, socket } = await started({ provider, input: 'microphone' })
    await until(() => socket.sent.length > 5)
    session.muted = true
    await aMoment(60)
    const { length } = socket.sent
    await aMoment(100)
    expect(socket.sent.length).to.equal(length)
  })
})
