import { expect } from 'chai'
import type { VoiceModeButton } from '../../elements/index.ts'
import '../../elements/index.ts'
import {
  audit,
  deep,
  inBothSchemes,
  mount,
  mountAgent,
  open,
  scriptedSession,
  settled,
  words,
} from './fixture.ts'

const TAG = '<voice-mode-button></voice-mode-button>'

describe('<voice-mode-button>', () => {
  it('passes an audit without a session, for voice and for text, light and dark', () =>
    inBothSchemes(async () => {
      const element = await mount<VoiceModeButton>(TAG)
      await audit(element)
      element.session = scriptedSession()
      await audit(element)
      deep(element, 'button').click()
      await audit(element)
    }))

  it('changes to text and back in a conversation, which goes on', async () => {
    const agent = await mountAgent('', TAG)
    await open(agent)
    const session = agent.session!
    const button = deep(agent, 'button')
    const read = async (): Promise<unknown[]> => {
      await settled(agent)
      return [words(button), agent.mode, session.muted, session.volume, session.state]
    }
    expect(await read()).to.deep.equal(['Type instead', 'voice', false, 1, 'open'])
    button.click()
    expect(await read()).to.deep.equal(['Talk instead', 'text', true, 0, 'open'])
    button.click()
    expect(await read()).to.deep.equal(['Type instead', 'voice', false, 1, 'open'])
  })

  it('leaves what the user muted muted', async () => {
    const agent = await mountAgent('muted mode="text"', TAG)
    await open(agent)
    agent.mode = 'voice'
    expect([agent.session?.muted, agent.muted]).to.deep.equal([true, true])
  })

  it('is there before a conversation: in text nobody is asked for the microphone', async () => {
    const agent = await mountAgent('mode="text"', TAG)
    agent.sessionOptions = { ...agent.sessionOptions, input: 'microphone' }
    const { getUserMedia } = navigator.mediaDevices
    navigator.mediaDevices.getUserMedia = () => expect.fail('the microphone was asked for')
    try {
      await open(agent)
      expect(agent.session?.state).to.equal('open')
    } finally {
      navigator.mediaDevices.getUserMedia = getUserMedia
    }
  })
})
