import { emulateMedia } from '@web/test-runner-commands'
import { expect } from 'chai'
import type { VoiceOrb } from '../../elements/index.ts'
import { itNeeds } from '../support/abilities.ts'
import '../../elements/index.ts'
import type { VoiceSession } from '../../src/index.ts'
import { until } from '../support/events.ts'
import { createScripted, ready, stopScripted } from '../support/scripted-provider.ts'
import { ScriptedSocket } from '../support/scripted-socket.ts'
import { audit, deep, inBothSchemes, mount, mountAgent, open, settled } from './fixture.ts'
import { countPaints, withLevels } from './painting.ts'

const part = (root: Element, name: string): HTMLElement => deep(root, `.${name}`)
const scale = (root: Element): number =>
  Number(/scale\((.+)\)/.exec(part(root, 'ball').style.transform)?.[1] ?? 0)
const glow = (root: Element): number => Number(part(root, 'halo').style.opacity)

/** An orb whose session is open. */
async function mountOpen(levels = { inputLevel: 0, outputLevel: 0 }): Promise<{
  element: VoiceOrb
  session: VoiceSession
  socket: ScriptedSocket
}> {
  const session = createScripted()
  withLevels(session, levels)
  const element = await mount<VoiceOrb>('<voice-orb></voice-orb>')
  element.session = session
  const dialled = ScriptedSocket.next()
  const started = session.start()
  const socket = ready(await dialled)
  await started
  return { element, session, socket }
}

afterEach(stopScripted)

describe('<voice-orb>', () => {
  it('passes an audit before and in a conversation, light and dark', () =>
    inBothSchemes(async () => {
      const agent = await mountAgent('', '<main><voice-orb></voice-orb><p>Text</p></main>')
      const main = agent.querySelector('main') as HTMLElement
      await audit(main)
      await open(agent)
      await audit(main)
      await agent.stop()
    }))

  it('is nothing to a screen reader, and is as large as its host', async () => {
    const element = await mount<VoiceOrb>('<voice-orb></voice-orb>')
    const orb = part(element, 'root')
    expect(orb.ariaHidden).to.equal('true')
    expect([orb.offsetWidth, orb.offsetHeight]).to.deep.equal([144, 144])
    element.style.setProperty('inline-size', '64px')
    expect([orb.offsetWidth, orb.offsetHeight]).to.deep.equal([64, 64])
  })

  it('swells and glows with the user’s voice while it listens', async () => {
    const levels = { inputLevel: 0, outputLevel: 0 }
    const { element } = await mountOpen(levels)
    await until(() => Math.abs(scale(element) - 0.96) < 0.01)
    levels.inputLevel = 0.9
    await until(() => scale(element) > 1.03 && glow(element) > 0.4)
    levels.inputLevel = 0
    await until(() => scale(element) < 0.98 && glow(element) < 0.25)
  })

  it('turns its ring while the agent thinks, and draws together', async () => {
    const { element, socket } = await mountOpen()
    socket.say({ type: 'thinking' })
    await until(() => Number(part(element, 'ring').style.opacity) > 0.9 && scale(element) < 0.9)
    expect(part(element, 'ring').style.transform).to.match(/^rotate\(/)
    socket.say({ type: 'response-end' })
    await until(() => Number(part(element, 'ring').style.opacity) < 0.1)
  })

  it('follows the agent’s voice while that speaks', async () => {
    const { element, session } = await mountOpen({ inputLevel: 0, outputLevel: 0.9 })
    Object.defineProperty(session, 'agentState', { value: 'speaking' })
    await until(() => scale(element) > 1.15 && glow(element) > 0.6)
  })

  it('asks for paints only while a session is open and it can be seen', async () => {
    using paints = countPaints()
    const resting = await mount<VoiceOrb>('<voice-orb></voice-orb>')
    resting.session = createScripted()
    await paints.next()
    await paints.next()
    expect(paints.count()).to.equal(0)
    const { element, session } = await mountOpen()
    await paints.painted(true)
    element.style.setProperty('margin-block-start', '300vh')
    await paints.painted(false)
    element.style.removeProperty('margin-block-start')
    await paints.painted(true)
    element.remove()
    await paints.painted(false)
    document.body.append(element)
    await paints.painted(true)
    await session.stop()
    await paints.painted(false)
    await settled(element)
    expect([scale(element), part(element, 'halo').style.opacity]).to.deep.equal([0, ''])
  })

  itNeeds('emulated media features, for which its driver has no command')(
    'grows brighter instead of moving for readers who asked for less motion',
    async () => {
      await emulateMedia({ reducedMotion: 'reduce' })
      const { element } = await mountOpen({ inputLevel: 0.9, outputLevel: 0 })
      await until(() => glow(element) > 0.4)
      for (const name of ['ball', 'halo', 'ring', 'cool', 'warm']) {
        expect(part(element, name).style.transform, name).to.equal('')
      }
      await emulateMedia({ reducedMotion: 'no-preference' })
    },
  )

  itNeeds('emulated media features, for which its driver has no command')(
    'is a plain ring in forced colours',
    async () => {
      const element = await mount<VoiceOrb>('<voice-orb></voice-orb>')
      await emulateMedia({ forcedColors: 'active' })
      const { borderTopStyle, borderTopLeftRadius } = getComputedStyle(part(element, 'root'))
      expect([borderTopStyle, borderTopLeftRadius]).to.deep.equal(['solid', '50%'])
      expect(part(element, 'ball').offsetParent).to.equal(null)
      await emulateMedia({ forcedColors: 'none' })
    },
  )
})
