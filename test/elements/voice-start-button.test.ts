import { expect } from 'chai'
import type { VoiceStartButton } from '../../elements/index.ts'
import '../../elements/index.ts'
import { ScriptedSocket } from '../support/scripted-socket.ts'
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

const label = (root: Element): string => words(deep(root, 'button'))

describe('<voice-start-button>', () => {
  it('passes an audit without a session and in each state, light and dark', () =>
    inBothSchemes(async () => {
      const session = scriptedSession()
      const element = await mount<VoiceStartButton>('<voice-start-button></voice-start-button>')
      await audit(element)
      element.session = session
      await audit(element)
      const dialled = ScriptedSocket.next()
      const started = session.start().catch((error: DOMException) => error.name)
      await dialled
      await audit(element)
      await session.stop()
      expect(await started).to.equal('AbortError')
      await open(session)
      await audit(element)
      await session.stop()
    }))

  it('can do nothing without an agent or a session', async () => {
    const element = await mount('<voice-start-button></voice-start-button>')
    expect(deep<HTMLButtonElement>(element, 'button').disabled).to.equal(true)
  })

  it('starts, cancels and ends the session of the agent around it', async () => {
    const agent = await mountAgent('', '<voice-start-button></voice-start-button>')
    const button = deep<HTMLButtonElement>(agent, 'button')
    const read = async (): Promise<unknown[]> => {
      await settled(agent)
      return [label(agent), button.ariaBusy, agent.session?.state]
    }
    expect(await read()).to.deep.equal(['Start talking', 'false', undefined])
    const dialled = ScriptedSocket.next()
    button.click()
    await dialled
    expect(await read()).to.deep.equal(['Cancel', 'true', 'connecting'])
    button.click()
    await agent.stop()
    expect(await read()).to.deep.equal(['Start talking', 'false', 'closed'])
    await open({ start: async () => button.click() })
    expect(await read()).to.deep.equal(['End', 'false', 'open'])
    button.click()
    await agent.stop()
    expect(await read()).to.deep.equal(['Start talking', 'false', 'closed'])
  })

  it('works with a session set by hand, without an agent', async () => {
    const element = await mount<VoiceStartButton>('<voice-start-button></voice-start-button>')
    const session = scriptedSession()
    element.session = session
    await settled(element)
    await open({ start: async () => deep(element, 'button').click() })
    expect(session.state).to.equal('open')
    await session.stop()
  })

  it('keeps the focus and the element through its states, and is reached by focus()', async () => {
    const agent = await mountAgent('', '<voice-start-button></voice-start-button>')
    const element = agent.querySelector('voice-start-button') as VoiceStartButton
    element.focus()
    const button = element.shadowRoot?.activeElement
    expect(button).to.be.instanceOf(HTMLButtonElement)
    await open(agent)
    expect(element.shadowRoot?.activeElement).to.equal(button)
  })

  it('says what its slots say', async () => {
    const agent = await mountAgent(
      '',
      '<voice-start-button><b slot="start">Talk</b><b slot="stop">Hang up</b></voice-start-button>',
    )
    const said = (): string =>
      deep<HTMLSlotElement>(agent, 'button slot')
        .assignedElements()
        .map((element) => element.textContent)
        .join()
    expect(said()).to.equal('Talk')
    await open(agent)
    expect(said()).to.equal('Hang up')
  })
})
