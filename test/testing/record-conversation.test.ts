import { expect } from 'chai'
import { DeepgramAgent, OpenAIRealtime, type Provider, VoiceSession } from '../../src/index.ts'
import {
  type ConversationStep,
  recordConversation,
  replayConversation,
  type ScriptedSocket,
  scriptedServer,
} from '../../src/testing/index.ts'
import { next } from '../support/events.ts'
import { wire } from '../support/openai-wire.ts'

const sessions: VoiceSession[] = []

function create(provider: Provider) {
  const server = scriptedServer()
  const session = new VoiceSession({
    provider,
    getToken: () => 'token',
    input: 'none',
    WebSocket: server.WebSocket,
    reconnect: { initialMs: 1, maxMs: 1 },
  })
  sessions.push(session)
  return { session, server }
}

async function start(
  { session, server }: ReturnType<typeof create>,
  greet: (socket: ScriptedSocket) => unknown,
): Promise<ScriptedSocket> {
  const dialled = server.next()
  const starting = session.start()
  const socket = await dialled
  greet(socket)
  await starting
  return socket
}

const parse = (text: string) =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as ConversationStep)
const kinds = (steps: readonly ConversationStep[]) =>
  steps.map(({ open, receive, command }) => (open ? 'open' : (receive?.type ?? command?.type ?? 'binary')))

/** A conversation in which an answer is cut off by text, and the line drops once. */
async function converse(options?: { audio: boolean }): Promise<string> {
  const provider = new OpenAIRealtime()
  const { session, server } = create(provider)
  const recording = recordConversation(session, options)
  const socket = await start({ session, server }, wire.ready)
  const speaking = next(session, 'agentstatechange', ({ state }) => state === 'speaking')
  wire.answer(socket, { ms: 500 })
  await speaking
  session.say('Well')
  const again = server.next()
  const ready = next(session, 'statechange', ({ state }) => state === 'open')
  socket.drop()
  wire.ready(await again)
  await ready
  const text = recording.stop()
  expect(Object.keys(provider)).not.to.include.members(['open'])
  return text
}

describe('recordConversation', () => {
  afterEach(() => Promise.all(sessions.splice(0).map((session) => session.stop())))

  it('writes what replays: connections with their contexts, messages and commands', async () => {
    const text = await converse()
    const steps = parse(text)
    const seen = kinds(steps)
    expect(seen.slice(0, 3)).to.deep.equal(['open', 'session.created', 'session.updated'])
    expect(seen).to.include('say')
    expect(seen.filter((kind) => kind === 'open')).to.have.length(2)
    expect(steps.filter(({ open }) => open).map(({ open }) => open?.resumed)).to.deep.equal([false, true])
    expect(text).to.include('{"type":"audio","itemId":"a1","data":{"bytes":24000}}')
    expect([...replayConversation(new OpenAIRealtime(), text)]).to.have.length(steps.length)
  })

  it('leaves the voice out where audio is false, and still replays', async () => {
    const [whole, short] = [await converse(), await converse({ audio: false })]
    expect(whole.length).to.be.greaterThan(30_000)
    expect(short.length).to.be.lessThan(8000)
    expect(short).to.include('"delta":"AAA="').and.to.include('"data":{"bytes":2}')
    expect([...replayConversation(new OpenAIRealtime(), short)].length).to.equal(parse(whole).length)
  })

  it('leaves out a voice that comes as bytes, too', async () => {
    const { session, server } = create(new DeepgramAgent())
    const recording = recordConversation(session, { audio: false })
    const socket = await start({ session, server }, (given) =>
      given.accept().say({ type: 'Welcome', request_id: '1' }).say({ type: 'SettingsApplied' }),
    )
    socket.say({ type: 'AgentStartedSpeaking' }).say(new ArrayBuffer(9600))
    const text = recording.text
    expect(text).to.include('"receiveBinary":"AAA="')
    expect([...replayConversation(new DeepgramAgent(), text)].length).to.equal(parse(text).length)
  })

  it('stop() ends it: what follows is not recorded, and the text stays', async () => {
    const { session, server } = create(new OpenAIRealtime())
    const recording = recordConversation(session)
    const socket = await start({ session, server }, wire.ready)
    const text = recording.stop()
    socket.say({ type: 'response.created', response: { id: 'r' } })
    expect([recording.stop(), recording.text]).to.deep.equal([text, text])
    expect(text).not.to.include('response.created')
  })
})
