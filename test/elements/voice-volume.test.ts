import { sendKeys } from '@web/test-runner-commands'
import { expect } from 'chai'
import type { VoiceVolume } from '../../elements/index.ts'
import '../../elements/index.ts'
import { itNeeds } from '../support/abilities.ts'
import { audit, deep, inBothSchemes, mount, mountAgent, open, scriptedSession, settled } from './fixture.ts'

const slider = (root: Element): HTMLInputElement => deep(root, 'input')

describe('<voice-volume>', () => {
  it('passes an audit without and with a session, light and dark', () =>
    inBothSchemes(async () => {
      const element = await mount<VoiceVolume>('<voice-volume></voice-volume>')
      await audit(element)
      element.session = scriptedSession()
      await audit(element)
    }))

  it('is a native range from 0 to 1 with a name, and says how much it is', async () => {
    const agent = await mountAgent('', '<voice-volume></voice-volume>')
    const { type, min, max, step, labels, value, ariaValueText } = slider(agent)
    expect([type, min, max, step, value]).to.deep.equal(['range', '0', '1', '0.05', '1'])
    expect(labels?.[0]?.textContent?.trim()).to.equal('Volume')
    expect(ariaValueText).to.equal('100%')
  })

  it('changes the volume by the keyboard, before and in a conversation', async () => {
    const agent = await mountAgent('', '<voice-volume></voice-volume>')
    agent.querySelector('voice-volume')?.focus()
    await sendKeys({ press: 'ArrowDown' })
    expect(agent.volume).to.equal(0.95)
    await open(agent)
    expect(agent.session?.volume).to.equal(0.95)
    await sendKeys({ press: 'Home' })
    await settled(agent)
    expect([agent.volume, agent.session?.volume]).to.deep.equal([0, 0])
    expect(slider(agent).ariaValueText).to.equal('0%')
  })

  itNeeds('arrow keys that move a slider the other way from right to left')(
    'goes the other way where the page is read from right to left',
    async () => {
      const agent = await mountAgent('dir="rtl"', '<voice-volume></voice-volume>')
      agent.querySelector('voice-volume')?.focus()
      await sendKeys({ press: 'ArrowRight' })
      expect(agent.volume).to.equal(0.95)
    },
  )

  it('follows the agent’s property', async () => {
    const agent = await mountAgent('', '<voice-volume></voice-volume>')
    agent.volume = 0.4
    await settled(agent)
    expect(slider(agent).value).to.equal('0.4')
  })

  it('shows and changes a session set by hand, and does so after it moved', async () => {
    const session = scriptedSession()
    session.volume = 0.25
    const element = await mount<VoiceVolume>('<voice-volume></voice-volume>')
    expect(slider(element).disabled).to.equal(true)
    element.session = session
    await settled(element)
    expect(slider(element).value).to.equal('0.25')
    const box = document.createElement('div')
    document.body.append(box)
    box.append(element)
    await settled(element)
    element.focus()
    await sendKeys({ press: 'End' })
    expect(session.volume).to.equal(1)
  })
})
