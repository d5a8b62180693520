import { expect } from 'chai'
import type { VoiceAgent, VoiceTranscript } from '../../elements/index.ts'
import '../../elements/index.ts'
import type { ScriptedSocket } from '../support/scripted-socket.ts'
import {
  answer,
  audit,
  deep,
  deepAll,
  inBothSchemes,
  mount,
  mountAgent,
  open,
  question,
  scriptedSession,
  settled,
  words,
} from './fixture.ts'

const entries = (root: Element): HTMLElement[] => deepAll(root, '[part~=entry]')
const texts = (root: Element): string[] => entries(root).map(words)

async function mountTranscript(): Promise<{ agent: VoiceAgent; socket: ScriptedSocket }> {
  const agent = await mountAgent('', '<voice-transcript></voice-transcript>')
  return { agent, socket: await open(agent) }
}

/** One piece of an answer. */
function delta(socket: ScriptedSocket, id: string, text: string): void {
  socket.say({ type: 'response.output_audio_transcript.delta', item_id: id, delta: text })
}

/** An answer long enough that the box scrolls. */
async function fill(agent: VoiceAgent, socket: ScriptedSocket): Promise<void> {
  for (let i = 0; i < 20; i++) answer(socket, `long${i}`, `Sentence number ${i} of a long answer`)
  await settled(agent)
}

describe('<voice-transcript>', () => {
  it('passes an audit empty and full, light and dark', () =>
    inBothSchemes(async () => {
      const session = scriptedSession()
      const element = await mount<VoiceTranscript>('<voice-transcript></voice-transcript>')
      await audit(element)
      element.session = session
      const socket = await open(session)
      question(socket, 'u1', 'What is this?')
      answer(socket, 'a1', 'A test.')
      delta(socket, 'a2', 'And')
      await audit(element)
      await session.stop()
    }))

  it('shows who said what, in the order in which it was said', async () => {
    const { agent, socket } = await mountTranscript()
    answer(socket, 'a1', 'Hello')
    question(socket, 'u1', 'Who are you?')
    answer(socket, 'a2', 'An agent')
    question(socket, 'late', 'And then?', 'u1')
    await settled(agent)
    expect(texts(agent)).to.deep.equal(['Agent Hello', 'You Who are you?', 'You And then?', 'Agent An agent'])
  })

  it('gives a screen reader each entry once, when it is complete', async () => {
    const { agent, socket } = await mountTranscript()
    delta(socket, 'a1', 'Hel')
    await settled(agent)
    const [partial] = entries(agent)
    expect([partial && words(partial), partial?.ariaHidden]).to.deep.equal(['Agent Hel', 'true'])
    delta(socket, 'a1', 'lo')
    await settled(agent)
    expect(entries(agent)).to.deep.equal([partial])
    expect(texts(agent)).to.deep.equal(['Agent Hello'])
    answer(socket, 'a1', 'Hello')
    await settled(agent)
    const [complete] = entries(agent)
    expect(complete).not.to.equal(partial)
    expect([complete && words(complete), complete?.ariaHidden]).to.deep.equal(['Agent Hello', null])
    question(socket, 'u1', 'Hi')
    await settled(agent)
    expect(entries(agent)[0]).to.equal(complete)
  })

  it('shows that the user’s words are on their way', async () => {
    const { agent, socket } = await mountTranscript()
    socket.say({
      type: 'conversation.item.added',
      item: { id: 'u1', type: 'message', role: 'user' },
    })
    await settled(agent)
    expect(texts(agent)).to.deep.equal(['You …'])
    expect(entries(agent)[0]?.ariaHidden).to.equal('true')
  })

  it('marks what was cut off', async () => {
    const { agent, socket } = await mountTranscript()
    answer(socket, 'a1', 'A long story')
    const { session } = agent
    if (!session) throw new Error('No session')
    const [entry] = session.transcript
    Object.defineProperty(session, 'transcript', { value: [{ ...entry, interrupted: true }] })
    answer(socket, 'a2', 'Next')
    await settled(agent)
    expect(texts(agent)).to.deep.equal(['Agent A long story interrupted'])
  })

  it('is a named log that the keyboard can scroll', async () => {
    const { agent, socket } = await mountTranscript()
    await fill(agent, socket)
    const log = deep(agent, '[role=log]')
    expect([log.ariaLabel, log.tabIndex]).to.deep.equal(['Conversation', 0])
    expect(log.scrollHeight).to.be.greaterThan(log.clientHeight)
  })

  it('follows its end, unless the reader scrolled up', async () => {
    const { agent, socket } = await mountTranscript()
    await fill(agent, socket)
    const log = deep(agent, '[role=log]')
    const fromEnd = (): number => Math.round(log.scrollHeight - log.scrollTop - log.clientHeight)
    expect(fromEnd()).to.equal(0)
    const scrolled = (): Promise<unknown> =>
      new Promise((resolve) => log.addEventListener('scroll', resolve, { once: true }))
    await scrolled()
    log.scrollTop = 40
    await scrolled()
    answer(socket, 'more', 'More')
    await settled(agent)
    expect(log.scrollTop).to.equal(40)
    log.scrollTop = log.scrollHeight
    await scrolled()
    answer(socket, 'most', 'Even more')
    await settled(agent)
    expect(fromEnd()).to.equal(0)
  })

  it('takes text as text', async () => {
    const { agent, socket } = await mountTranscript()
    question(socket, 'u1', '<img src=x onerror=alert(1)> & more')
    await settled(agent)
    expect(texts(agent)).to.deep.equal(['You <img src=x onerror=alert(1)> & more'])
    expect(deepAll(agent, 'img')).to.deep.equal([])
  })

  it('has words of its own before anything was said', async () => {
    const element = await mount<VoiceTranscript>('<voice-transcript></voice-transcript>')
    expect(words(deep(element, '[part=empty]'))).to.equal('What you say appears here')
    element.strings = { empty: 'Noch nichts' }
    await settled(element)
    expect(words(deep(element, '[part=empty]'))).to.equal('Noch nichts')
  })
})
