import { expect } from 'chai'
import type { VoiceAgent, VoiceStatus } from '../../elements/index.ts'
import '../../elements/index.ts'
import { ScriptedSocket } from '../support/scripted-socket.ts'
import {
  answer,
  audit,
  deep,
  deepAll,
  inBothSchemes,
  mount,
  mountAgent,
  next,
  open,
  scriptedSession,
  settled,
  words,
} from './fixture.ts'

const announced = (root: Element): string => words(deep(root, '[role=status]'))
const seen = (root: Element): string | undefined => {
  const [activity] = deepAll(root, '[part=activity]')
  return activity && words(activity)
}

async function mountStatus(): Promise<VoiceAgent> {
  return mountAgent('', '<voice-status></voice-status>')
}

describe('<voice-status>', () => {
  it('passes an audit before, in and after a conversation that failed, light and dark', () =>
    inBothSchemes(async () => {
      const session = scriptedSession()
      const element = await mount<VoiceStatus>('<voice-status></voice-status>')
      await audit(element)
      element.session = session
      const socket = await open(session)
      await audit(element)
      const failed = new Promise((resolve) => session.on('error', resolve))
      socket.drop(4401)
      await failed
      await audit(element)
    }))

  it('is a polite live region', async () => {
    const agent = await mountStatus()
    const { role, ariaLive } = deep(agent, '[part=message]').parentElement ?? {}
    expect([role, ariaLive ?? 'polite']).to.deep.equal(['status', 'polite'])
  })

  it('announces the connection once, and nothing of what the agent does', async () => {
    const agent = await mountStatus()
    const heard: string[] = [announced(agent)]
    const region = deep(agent, '[role=status]')
    const observer = new MutationObserver(() => heard.push(words(region)))
    observer.observe(region, { subtree: true, childList: true, characterData: true })
    const socket = await open(agent)
    expect(seen(agent)).to.equal('Listening')
    socket.say({ type: 'input_audio_buffer.speech_stopped' })
    socket.say({ type: 'response.created', response: { id: 'r1' } })
    await settled(agent)
    expect(seen(agent)).to.equal('Thinking')
    answer(socket, 'a1', 'Hello')
    socket.say({ type: 'response.done', response: { id: 'r1', status: 'completed' } })
    await settled(agent)
    expect(seen(agent)).to.equal('Listening')
    await agent.stop()
    await settled(agent)
    observer.disconnect()
    expect(heard.filter((text, index) => text !== heard[index - 1])).to.deep.equal([
      'Ready',
      'Connecting…',
      'Connected',
      ...(heard.includes('Ending…') ? ['Ending…'] : []),
      'Ready',
    ])
  })

  it('hides from a screen reader what is for the eye alone', async () => {
    const agent = await mountStatus()
    await open(agent)
    expect(deep(agent, '[part=activity]').ariaHidden).to.equal('true')
    expect(deep(agent, '[role=status]').getBoundingClientRect().width).to.equal(1)
  })

  it('says that the microphone is muted', async () => {
    const agent = await mountStatus()
    await open(agent)
    agent.muted = true
    await settled(agent)
    expect(seen(agent)).to.equal('Microphone muted')
  })

  it('says what went wrong and what to do, until it goes on', async () => {
    const agent = await mountStatus()
    const socket = await open(agent)
    const failed = next<{ message: string; hint: string }>(agent, 'error')
    socket.drop(4401, 'ticket used')
    const { detail } = await failed
    await settled(agent)
    expect(announced(agent)).to.equal(`${detail.message} ${detail.hint}`)
    expect(seen(agent)).to.equal(undefined)
    const dialled = ScriptedSocket.next()
    void agent.start()
    await dialled
    await settled(agent)
    expect(announced(agent)).to.equal('Connecting…')
  })

  it('says it in the page’s own words, where there are some for the code', async () => {
    const agent = await mountStatus()
    agent.strings = { errors: { unauthorized: 'Bitte melde dich an' } }
    const socket = await open(agent)
    const failed = next<{ hint: string }>(agent, 'error')
    socket.drop(4401)
    const { detail } = await failed
    await settled(agent)
    expect(announced(agent)).to.equal(`Bitte melde dich an ${detail.hint}`)
  })

  it('says that it reconnects', async () => {
    const agent = await mountStatus()
    const socket = await open(agent)
    const warned = next(agent, 'warning')
    socket.drop(1006)
    await warned
    await settled(agent)
    expect(announced(agent)).to.equal('Reconnecting…')
    expect(seen(agent)).to.equal(undefined)
  })

  it('says of a conversation in text neither that the agent listens nor that it speaks', async () => {
    const agent = await mountAgent('mode="text"', '<voice-status></voice-status>')
    await open(agent)
    const activity = () => deepAll(agent, '[part=activity]').map(words)
    expect(agent.session?.agentState).to.equal('listening')
    expect(activity()).to.deep.equal([])
    expect(words(deep(agent, '[part=message]'))).to.equal('Connected')
    agent.mode = 'voice'
    await settled(agent)
    expect(activity()).to.deep.equal(['Listening'])
  })
})
