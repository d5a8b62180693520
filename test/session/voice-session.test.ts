import { expect } from 'chai'
import { DeepgramAgent, VoiceError } from '../../src/index.ts'
import { itNeeds } from '../support/abilities.ts'
import { aMoment, next, rejection, until } from '../support/events.ts'
import { wire } from '../support/openai-wire.ts'
import { type Resources, watchResources } from '../support/resources.ts'
import { create, started, stopAll } from '../support/scripted-session.ts'
import { ScriptedSocket } from '../support/scripted-socket.ts'

let resources: Resources

describe('VoiceSession', () => {
  beforeEach(() => {
    ScriptedSocket.reset()
    resources = watchResources()
  })

  afterEach(async () => {
    await stopAll()
    resources.restore()
    for (const context of resources.contexts) expect(context.state).to.equal('closed')
    for (const track of resources.tracks) expect(track.readyState).to.equal('ended')
    for (const { readyState } of ScriptedSocket.dialled) expect(readyState).to.be.at.least(2)
  })

  it('start() goes through connecting to open and resolves when the agent is ready', async () => {
    const session = create()
    const states: string[] = []
    session.on('statechange', ({ state }) => states.push(state))
    const dialled = ScriptedSocket.next()
    let resolved = false
    const starting = session.start().then(() => {
      resolved = true
    })
    const socket = (await dialled).accept().say({ type: 'session.created', event_id: 'e', session: {} })
    expect([session.state, resolved]).to.deep.equal(['connecting', false])
    socket.say({ type: 'session.updated', event_id: 'e', session: {} })
    await starting
    expect([states, session.agentState]).to.deep.equal([['connecting', 'open'], 'listening'])
  })

  it('start() is idempotent: one connection, one context', async () => {
    const session = create()
    const dialled = ScriptedSocket.next()
    const both = [session.start(), session.start()]
    wire.ready(await dialled)
    await Promise.all(both)
    await session.start()
    expect([ScriptedSocket.dialled.length, resources.contexts.length]).to.deep.equal([1, 1])
  })

  it('start() sends nothing but the handshake before the agent is ready', async () => {
    const session = create({ input: 'microphone' })
    const dialled = ScriptedSocket.next()
    const starting = session.start()
    const socket = (await dialled).accept()
    await until(() => session.inputLevel > 0)
    await aMoment(200)
    expect(socket.sent).to.deep.equal([])
    socket.say({ type: 'session.created', event_id: 'e', session: {} })
    expect(socket.texts.map(({ type }) => type)).to.deep.equal(['session.update'])
    socket.say({ type: 'session.updated', event_id: 'e', session: {} })
    await starting
    expect(socket.texts.filter(({ type }) => type === 'input_audio_buffer.append').length).to.be.at.least(5)
  })

  it('start() rejects once with what was wrong, and frees everything', async () => {
    const session = create({ input: 'microphone' })
    const told: unknown[] = []
    session.on('error', (error) => told.push(error))
    const dialled = ScriptedSocket.next()
    const starting = rejection(session.start())
    const socket = await dialled
    socket
      .accept()
      .say({ type: 'error', event_id: 'e', error: { code: 'invalid_api_key', message: 'Incorrect key' } })
    const error = await starting
    expect(error).to.be.instanceOf(VoiceError).and.to.deep.include({ code: 'unauthorized', retryable: false })
    expect([session.state, told, resources.tracks.map(({ readyState }) => readyState)]).to.deep.equal([
      'closed',
      [],
      ['ended'],
    ])
  })

  it('start() can be called again after it failed', async () => {
    const session = create()
    const dialled = ScriptedSocket.next()
    const starting = rejection(session.start())
    const first = await dialled
    first.drop(1006)
    expect(await starting).to.deep.include({ code: 'connection-failed', retryable: true })
    const again = ScriptedSocket.next()
    const second = session.start()
    wire.ready(await again)
    await second
    expect(session.state).to.equal('open')
  })

  it('start() is given up by its signal', async () => {
    const session = create()
    const abort = new AbortController()
    const dialled = ScriptedSocket.next()
    const starting = rejection(session.start({ signal: abort.signal }))
    await dialled
    abort.abort(new Error('changed my mind'))
    expect(await starting).to.equal(abort.signal.reason)
    expect(session.state).to.equal('closed')
  })

  it('start() is given up by the signal of whoever waits for it', async () => {
    const session = create()
    const abort = new AbortController()
    const dialled = ScriptedSocket.next()
    const starting = rejection(session.start())
    const waiting = rejection(session.start({ signal: abort.signal }))
    await dialled
    abort.abort(new Error('changed my mind'))
    expect(await waiting).to.equal(abort.signal.reason)
    expect(await starting).to.equal(abort.signal.reason)
  })

  it('start() of what is open does not end it by its signal later', async () => {
    const { session } = await started()
    const abort = new AbortController()
    await session.start({ signal: abort.signal })
    abort.abort()
    expect(session.state).to.equal('open')
  })

  for (const moment of ['at once', 'token', 'dial', 'handshake', 'microphone'] as const) {
    it(`stop() during the start (${moment}) leaves nothing that opens afterwards`, async () => {
      const token = Promise.withResolvers<string>()
      const asked = Promise.withResolvers<void>()
      const session = create({
        ...(moment === 'microphone' && { input: 'microphone' }),
        getToken: () => {
          asked.resolve()
          return moment === 'token' ? token.promise : 'token'
        },
      })
      const dialled = ScriptedSocket.next()
      const starting = rejection(session.start())
      if (moment === 'token') await asked.promise
      if (moment === 'dial') await dialled
      if (moment === 'handshake') (await dialled).accept()
      await session.stop()
      token.resolve('late')
      const reason = await starting
      expect(reason).to.be.instanceOf(DOMException)
      expect((reason as DOMException).name).to.equal('AbortError')
      await aMoment(50)
      expect(ScriptedSocket.dialled.filter(({ readyState }) => readyState < 2)).to.deep.equal([])
      expect(session.state).to.equal('closed')
    })
  }

  it('stop() by a listener of what makes the agent ready leaves nothing that is ready', async () => {
    const session = create()
    const states: string[] = []
    session.on('agentstatechange', ({ state }) => states.push(state))
    const unbind = session.on('message', ({ data }) => {
      if (String(data).includes('session.updated')) void session.stop()
    })
    const dialled = ScriptedSocket.next()
    const starting = rejection(session.start())
    wire.ready(await dialled)
    expect(await starting).to.have.property('name', 'AbortError')
    unbind()
    session.on('statechange', ({ state }) => {
      if (state === 'open') void session.stop()
    })
    const again = ScriptedSocket.next()
    const opening = session.start()
    wire.ready(await again)
    await opening
    await session.stop()
    expect(states).to.deep.equal([])
  })

  it('stop() then start() opens a new conversation on the same session', async () => {
    const { session } = await started()
    const dialled = ScriptedSocket.next()
    void session.stop()
    const starting = session.start()
    wire.ready(await dialled)
    await starting
    expect([session.state, ScriptedSocket.dialled.length]).to.deep.equal(['open', 2])
  })

  it('stop() ends a start that waits for the conversation before it to close', async () => {
    const { session } = await started()
    void session.stop()
    const starting = rejection(session.start())
    await session.stop()
    expect(await starting).to.have.property('name', 'AbortError')
    expect([session.state, ScriptedSocket.dialled.length]).to.deep.equal(['closed', 1])
  })

  it('reconnects after a loss with a fresh token and the conversation so far', async () => {
    let tokens = 0
    const { session, socket } = await started({ getToken: () => `token-${++tokens}` })
    wire.answer(socket, { ms: 20 })
    wire.done(socket)
    const states: string[] = []
    session.on('statechange', ({ state }) => states.push(state))
    const dialled = ScriptedSocket.next()
    socket.drop(1006)
    const second = await dialled
    expect(second.protocols).to.include('openai-insecure-api-key.token-2')
    wire.ready(second)
    expect(states).to.deep.equal(['reconnecting', 'open'])
    const replayed = second.texts.find(({ type }) => type === 'conversation.item.create')
    expect(JSON.stringify(replayed)).to.contain('A tone')
  })

  itNeeds('a microphone that hears speech, and keeps time on a busy machine')(
    'keeps audio while there is no line and sends it when the agent is ready again',
    async () => {
      const { socket } = await started({ input: 'microphone' })
      const dialled = ScriptedSocket.next()
      socket.drop(1006)
      const second = (await dialled).accept()
      await aMoment(300)
      expect(second.sent).to.deep.equal([])
      wire.ready(second)
      expect(second.texts.filter(({ type }) => type === 'input_audio_buffer.append').length).to.be.at.least(
        10,
      )
    },
  )

  it('tells of a fatal close once, as an error, and ends', async () => {
    const { session, socket } = await started()
    const told = next(session, 'error')
    socket.drop(4401, 'ticket expired')
    expect(await told).to.deep.include({ code: 'unauthorized', closeCode: 4401 })
    expect(session.state).to.equal('closed')
  })

  it('emits what the provider says is wrong and goes on where the session can', async () => {
    const { session, socket } = await started()
    const told = next(session, 'error')
    socket.say({ type: 'error', event_id: 'e', error: { code: 'invalid_value', message: 'No', param: 'x' } })
    expect(await told).to.deep.include({ code: 'configuration-rejected' })
    expect(session.state).to.equal('open')
  })

  it('does not take what was wrong earlier for why the line is lost', async () => {
    const { session, socket } = await started()
    socket.say({ type: 'error', event_id: 'e', error: { code: 'invalid_value', message: 'No' } })
    const warned = next(session, 'warning')
    socket.drop(1006)
    expect(await warned).to.deep.include({ code: 'connection-lost' })
  })

  it('cuts the agent off when the user speaks, and says how much was heard', async () => {
    const { session, socket } = await started()
    const speaking = next(session, 'agentstatechange', ({ state }) => state === 'speaking')
    wire.answer(socket, { ms: 3000 })
    await speaking
    await until(() => session.stats.bufferedMs > 0 && session.stats.bufferedMs < 2700)
    const cut = next(session, 'interrupt')
    wire.speechStarted(socket)
    const { heardMs, receivedMs } = await cut
    expect(receivedMs).to.equal(3000)
    expect(heardMs).to.be.within(100, 1500)
    expect(socket.texts.filter(({ type }) => type?.startsWith('conversation.item'))).to.deep.equal([
      { type: 'conversation.item.truncate', item_id: 'a1', content_index: 0, audio_end_ms: heardMs },
    ])
    expect(session.agentState).to.equal('listening')
    expect(session.transcript[0]).to.deep.include({ interrupted: true, final: true })
  })

  it('leaves an answer whole that was read at volume 0, where more is asked before its sound is over', async () => {
    const { session, socket } = await started()
    session.volume = 0
    const speaking = next(session, 'agentstatechange', ({ state }) => state === 'speaking')
    wire.answer(socket, { ms: 3000 })
    const place = { event_id: 'e', response_id: 'r1', item_id: 'a1', output_index: 0, content_index: 0 }
    socket.say({ type: 'response.output_audio_transcript.done', ...place, transcript: 'A tone, and no more' })
    wire.done(socket)
    await speaking
    const listening = next(session, 'agentstatechange', ({ state }) => state !== 'speaking')
    session.sendText('And then?')
    await listening
    expect(session.transcript[0]).to.deep.include({ text: 'A tone, and no more', interrupted: false })
    expect(socket.texts.map(({ type }) => type)).not.to.include('conversation.item.truncate')
  })

  it('keeps what was read at volume 0 of an answer that had not come to its end', async () => {
    const { session, socket } = await started()
    session.volume = 0
    const speaking = next(session, 'agentstatechange', ({ state }) => state === 'speaking')
    wire.answer(socket, { ms: 3000 })
    await speaking
    const cut = next(session, 'interrupt')
    session.sendText('Stop')
    expect(await cut).to.deep.include({ heardMs: 3000, receivedMs: 3000 })
    expect(session.transcript[0]).to.deep.include({ text: 'A tone', interrupted: true, final: true })
  })

  it('interrupts nothing where the agent is silent', async () => {
    const { session, socket } = await started()
    wire.speechStarted(socket)
    session.interrupt()
    await aMoment(50)
    expect(socket.texts.map(({ type }) => type)).to.deep.equal(['session.update'])
  })

  it('does not truncate what was heard to the end', async () => {
    const { session, socket } = await started()
    const silent = next(session, 'agentstatechange', ({ previous }) => previous === 'speaking')
    wire.answer(socket, { ms: 100 })
    wire.done(socket)
    await silent
    wire.speechStarted(socket)
    await aMoment(50)
    expect(socket.texts.map(({ type }) => type)).to.deep.equal(['session.update'])
  })

  it('speaks until the last sample was heard, not until the provider is done', async () => {
    const { session, socket } = await started()
    const speaking = next(session, 'agentstatechange', ({ state }) => state === 'speaking')
    wire.answer(socket, { ms: 400 })
    wire.done(socket)
    await speaking
    const at = performance.now()
    const turn = next(session, 'turn')
    await next(session, 'agentstatechange', ({ state }) => state === 'listening')
    expect(performance.now() - at).to.be.at.least(350)
    await turn
  })

  it('sendText() cuts the agent off before it speaks for the user', async () => {
    const { session, socket } = await started()
    const speaking = next(session, 'agentstatechange', ({ state }) => state === 'speaking')
    wire.answer(socket, { ms: 3000 })
    await speaking
    const sent = next(session, 'message', ({ data }) => String(data).includes('conversation.item.create'))
    session.sendText('Wait')
    await sent
    expect(socket.texts.slice(1).map(({ type }) => type)).to.deep.equal([
      'response.cancel',
      'conversation.item.truncate',
      'conversation.item.create',
    ])
    wire.done(socket, { status: 'cancelled' })
    expect(socket.texts.at(-1)).to.include({ type: 'response.create' })
  })

  it('sendText() and say() refuse while the session is not open', () => {
    const session = create()
    expect(() => session.sendText('x')).to.throw(DOMException, 'must be open: current value is closed')
    expect(() => session.say('x')).to.throw(DOMException, 'must be open')
  })

  it('message gives sound that stays as it is, though the microphone uses its buffers again', async () => {
    const session = create({ provider: new DeepgramAgent(), input: 'microphone' })
    const dialled = ScriptedSocket.next()
    const starting = session.start()
    const kept: Uint8Array[] = []
    const enough = Promise.withResolvers<void>()
    session.on('message', ({ data }) => {
      if (data instanceof Uint8Array) kept.push(data)
      if (kept.length === 5) enough.resolve()
    })
    const socket = (await dialled).accept()
    socket.say({ type: 'Welcome', request_id: 'r' }).say({ type: 'SettingsApplied' })
    await starting
    await enough.promise
    expect(kept[0]!.length).to.be.above(0)
    expect(kept.slice(0, 5)).to.deep.equal(
      socket.sent.filter((data) => data instanceof Uint8Array).slice(0, 5),
    )
  })

  itNeeds('a microphone that hears speech, and keeps time on a busy machine')(
    'muted sends silence and keeps the line alive',
    async () => {
      const { session, socket } = await started({ input: 'microphone' })
      session.muted = true
      await aMoment(200)
      const before = socket.sent.length
      await aMoment(200)
      const chunks = socket.texts.slice(before)
      expect(chunks.length).to.be.at.least(5)
      for (const { audio } of chunks) expect(atob(String(audio))).to.match(/^\0+$/)
    },
  )

  it('volume refuses what is not from 0 to 1', () => {
    const session = create()
    expect(() => {
      session.volume = 2
    }).to.throw(RangeError, 'current value is 2')
    expect(() => {
      session.volume = Number.NaN
    }).to.throw(RangeError)
  })

  it('two sessions on one page do not meet', async () => {
    const one = await started()
    const other = await started()
    wire.answer(one.socket, { ms: 50 })
    await one.session.stop()
    expect([one.session.state, other.session.state]).to.deep.equal(['closed', 'open'])
    expect(other.session.transcript).to.deep.equal([])
  })
})
