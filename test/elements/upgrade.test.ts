import { expect } from 'chai'
import type { VoiceAgent } from '../../elements/index.ts'
import { OpenAIRealtime, VoiceSession } from '../../src/index.ts'
import { ScriptedSocket } from '../support/scripted-socket.ts'

// Nothing here may import the elements, but for their types, before the page has them.

describe('elements that are defined after the page was written', () => {
  it('keep properties, find the agent around them whichever comes first, and are defined once', async () => {
    document.body.innerHTML =
      '<voice-agent muted><voice-status></voice-status><voice-mute-button></voice-mute-button></voice-agent>'
    const agent = document.querySelector('voice-agent') as VoiceAgent
    const session = new VoiceSession({
      provider: new OpenAIRealtime(),
      getToken: () => 'token',
      input: 'none',
      WebSocket: ScriptedSocket.asWebSocket,
    })
    agent.session = session
    agent.volume = 0.5
    agent.strings = { closed: 'Bereit' }
    expect(customElements.get('voice-agent')).to.equal(undefined)

    const { VoiceMuteButton } = await import('../../elements/voice-mute-button.ts')
    const button = document.querySelector('voice-mute-button')
    expect(button).to.be.instanceOf(VoiceMuteButton)
    await button?.updateComplete
    expect(button?.shadowRoot?.querySelector('button')?.disabled).to.equal(true)

    await import('../../elements/voice-agent.ts')
    await agent.updateComplete
    await button?.updateComplete
    expect(agent.session).to.equal(session)
    expect(agent.volume).to.equal(0.5)
    expect(session.volume).to.equal(0.5)
    expect(session.muted).to.equal(true)
    expect(Object.hasOwn(agent, 'session')).to.equal(false)
    expect(button?.shadowRoot?.querySelector('button')?.disabled).to.equal(false)
    expect(button?.shadowRoot?.querySelector('button')?.ariaPressed).to.equal('true')
    const status = document.querySelector('voice-status')
    await status?.updateComplete
    expect(status?.shadowRoot?.querySelector('[role=status]')?.textContent?.trim()).to.equal('Bereit')

    const copy = '../../elements/voice-agent.ts?copy'
    await import(copy)
    expect(agent).to.be.instanceOf(customElements.get('voice-agent'))
  })
})
