import { expect } from 'chai'
import type { VoiceMuteButton } from '../../elements/index.ts'
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

describe('<voice-mute-button>', () => {
  it('passes an audit without a session, not pressed and pressed, light and dark', () =>
    inBothSchemes(async () => {
      const element = await mount<VoiceMuteButton>('<voice-mute-button></voice-mute-button>')
      await audit(element)
      element.session = scriptedSession()
      await audit(element)
      deep(element, 'button').click()
      await audit(element)
    }))

  it('mutes before and in a conversation, with a name that stays', async () => {
    const agent = await mountAgent('', '<voice-mute-button></voice-mute-button>')
    const button = deep<HTMLButtonElement>(agent, 'button')
    const read = async (): Promise<unknown[]> => {
      await settled(agent)
      return [words(button), button.ariaPressed, agent.muted, agent.hasAttribute('muted')]
    }
    expect(await read()).to.deep.equal(['Mute', 'false', false, false])
    button.click()
    expect(await read()).to.deep.equal(['Mute', 'true', true, true])
    await open(agent)
    expect(agent.session?.muted).to.equal(true)
    button.click()
    expect(await read()).to.deep.equal(['Mute', 'false', false, false])
    expect(agent.session?.muted).to.equal(false)
  })

  it('shows what the agent’s attribute says', async () => {
    const agent = await mountAgent('muted', '<voice-mute-button></voice-mute-button>')
    expect(deep(agent, 'button').ariaPressed).to.equal('true')
    agent.removeAttribute('muted')
    await settled(agent)
    expect(deep(agent, 'button').ariaPressed).to.equal('false')
  })

  it('mutes a session set by hand, and goes back to the agent’s when that is taken away', async () => {
    const agent = await mountAgent('', '<voice-mute-button></voice-mute-button>')
    const element = agent.querySelector('voice-mute-button') as VoiceMuteButton
    const session = scriptedSession()
    element.session = session
    await settled(agent)
    deep(agent, 'button').click()
    expect([session.muted, agent.muted]).to.deep.equal([true, false])
    element.session = null
    await settled(agent)
    expect(deep(agent, 'button').ariaPressed).to.equal('false')
    deep(agent, 'button').click()
    expect(agent.muted).to.equal(true)
  })

  it('can do nothing without an agent or a session', async () => {
    const element = await mount('<voice-mute-button></voice-mute-button>')
    expect(deep<HTMLButtonElement>(element, 'button').disabled).to.equal(true)
  })
})
