import { expect } from 'chai'
import { defineTool, type StoredTurn, type TranscriptStorage, webStorage } from '../../src/index.ts'
import { aMoment, next, until } from '../support/events.ts'
import { startScripted, stopScripted } from '../support/scripted-provider.ts'
import { ScriptedSocket } from '../support/scripted-socket.ts'

const said = (id: string, role: 'user' | 'assistant', text: string) => ({
  type: 'transcript',
  id,
  role,
  text,
  final: true,
})

/** Keeps what it is given, and can be held back. */
function memory(turns: readonly StoredTurn[] = []) {
  const saved: (readonly StoredTurn[])[] = []
  let gate: Promise<void> = Promise.resolve()
  const storage: TranscriptStorage = {
    load: () => turns,
    save: async (now) => {
      await gate
      saved.push(now)
    },
    clear: () => undefined,
  }
  const hold = () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    gate = promise
    return resolve
  }
  return { storage, saved, hold }
}

describe('VoiceSession, its storage', () => {
  beforeEach(() => ScriptedSocket.reset())
  afterEach(stopScripted)

  it('goes on where the page was left, with the answers of tools, and greets no second time', async () => {
    const key = `conversation-${crypto.randomUUID()}`
    const look = defineTool({ name: 'look', description: 'Looks', handler: () => 'a tree' })
    const first = await startScripted({ storage: webStorage(key), tools: [look] })
    first.socket.say(said('u1', 'user', 'What is there?'))
    first.socket.say({ type: 'tool-call', callId: 'c1', name: 'look', arguments: '{}' })
    await until(() => first.socket.texts.some(({ type }) => type === 'tool-result'))
    first.socket.say(said('a1', 'assistant', 'A tree.'))
    await until(() => (sessionStorage.getItem(key) ?? '').includes('A tree.'))
    await first.session.stop()
    const second = await startScripted({ storage: webStorage(key) })
    expect(second.socket.texts[0]).to.deep.include({
      resumed: true,
      history: [
        { role: 'user', text: 'What is there?' },
        { role: 'tool', callId: 'c1', name: 'look', arguments: '{}', output: 'a tree' },
        { role: 'assistant', text: 'A tree.' },
      ],
    })
    expect(second.session.transcript.map(({ text }) => text)).to.deep.equal(['What is there?', 'A tree.'])
    second.socket.say(said('u1', 'user', 'And now?'))
    expect(new Set(second.session.transcript.map(({ id }) => id)).size).to.equal(3)
    sessionStorage.removeItem(key)
  })

  it('saves several changes at a time as one, in order', async () => {
    const { storage, saved, hold } = memory()
    const { socket } = await startScripted({ storage })
    const release = hold()
    for (const word of ['one', 'two', 'three']) socket.say(said(word, 'user', word))
    await aMoment(5)
    expect(saved).to.deep.equal([])
    release()
    await until(() => saved.length === 2)
    await aMoment(5)
    expect(saved.map((turns) => turns.length)).to.deep.equal([1, 3])
  })

  it('stores nothing that may still change', async () => {
    const { storage, saved } = memory()
    const { socket } = await startScripted({ storage })
    socket.say({ ...said('u1', 'user', 'perhaps'), final: false })
    await aMoment(10)
    expect(saved).to.deep.equal([])
  })

  it('a storage that fails is told of, and the conversation goes on without', async () => {
    const storage: TranscriptStorage = {
      load: () => Promise.reject(new Error('no disk')),
      save: () => Promise.reject(new Error('full')),
      clear: () => undefined,
    }
    const warnings: string[] = []
    const { session, socket } = await startScripted({ storage })
    session.on('warning', ({ message }) => warnings.push(message))
    expect(socket.texts[0]).to.deep.include({ resumed: false })
    const warned = next(session, 'warning')
    socket.say(said('u1', 'user', 'Hello'))
    expect(await warned).to.deep.include({ code: 'storage-failed', message: 'full' })
    expect(session.state).to.equal('open')
  })
})
