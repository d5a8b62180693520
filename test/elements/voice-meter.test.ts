import { emulateMedia } from '@web/test-runner-commands'
import { expect } from 'chai'
import type { VoiceMeter } from '../../elements/index.ts'
import { itNeeds } from '../support/abilities.ts'
import '../../elements/index.ts'
import { until } from '../support/events.ts'
import { audit, deep, deepAll, inBothSchemes, mount, open, scriptedSession, settled } from './fixture.ts'
import { countPaints, withLevels } from './painting.ts'

/** Resolved when the element has drawn what `isDrawn` waits for. */
function drawn(element: Element, isDrawn: (bars: HTMLElement[]) => boolean): Promise<void> {
  return new Promise((resolve) => {
    const bars = deepAll(element, '[part=bar]')
    const check = (): void => {
      if (!isDrawn(bars)) return
      observer.disconnect()
      resolve()
    }
    const observer = new MutationObserver(check)
    for (const bar of bars) observer.observe(bar, { attributes: true })
    check()
  })
}

const height = (bar: HTMLElement | undefined): number =>
  Number(/scaleY\((.+)\)/.exec(bar?.style.transform ?? '')?.[1])

describe('<voice-meter>', () => {
  it('passes an audit before and in a conversation, light and dark', () =>
    inBothSchemes(async () => {
      const session = scriptedSession()
      const element = await mount<VoiceMeter>('<main><voice-meter></voice-meter><p>Text</p></main>')
      const meter = element.querySelector('voice-meter') as VoiceMeter
      await audit(element)
      meter.session = session
      await open(session)
      await audit(element)
      await session.stop()
    }))

  it('is nothing to a screen reader', async () => {
    const element = await mount('<voice-meter></voice-meter>')
    expect(deep(element, '[part=meter]').ariaHidden).to.equal('true')
  })

  it('shows the louder side: the user', async () => {
    const session = withLevels(scriptedSession(), { inputLevel: 0.8, outputLevel: 0.1 })
    const element = await mount<VoiceMeter>('<voice-meter></voice-meter>')
    element.session = session
    await open(session)
    await drawn(element, (bars) => height(bars[14]) === 0.8)
    expect(deepAll(element, '[data-agent]')).to.deep.equal([])
    await session.stop()
  })

  it('shows the louder side: the agent, moving outward', async () => {
    const session = withLevels(scriptedSession(), { inputLevel: 0.1, outputLevel: 0.6 })
    const element = await mount<VoiceMeter>('<voice-meter></voice-meter>')
    element.session = session
    await open(session)
    await drawn(element, (bars) => bars[11]?.hasAttribute('data-agent') === true)
    const bars = deepAll(element, '[part=bar]')
    expect(height(bars[14])).to.equal(0.6)
    expect(height(bars[11])).to.equal(height(bars[17])).and.to.be.within(0.5, 0.6)
    await session.stop()
  })

  it('asks for paints only while a session is open and it is in the page', async () => {
    using paints = countPaints()
    const session = withLevels(scriptedSession(), { inputLevel: 0.5, outputLevel: 0 })
    const element = await mount<VoiceMeter>('<voice-meter></voice-meter>')
    element.session = session
    await settled(element)
    expect(paints.count()).to.equal(0)
    await open(session)
    await drawn(element, (bars) => height(bars[14]) === 0.5)
    element.remove()
    const asked = paints.count()
    expect(asked).to.be.greaterThan(0)
    expect(height(deepAll(element, '[part=bar]')[14])).to.equal(0.07)
    await paints.next()
    await paints.next()
    expect(paints.count()).to.equal(asked)
    document.body.append(element)
    await drawn(element, (bars) => height(bars[14]) === 0.5)
    await session.stop()
    await settled(element)
    expect(height(deepAll(element, '[part=bar]')[14])).to.equal(0.07)
  })

  it('waits while it cannot be seen', async () => {
    using paints = countPaints()
    const session = withLevels(scriptedSession(), { inputLevel: 0.5, outputLevel: 0 })
    const element = await mount<VoiceMeter>('<voice-meter></voice-meter>')
    element.session = session
    await open(session)
    await drawn(element, (bars) => height(bars[14]) === 0.5)
    element.hidden = true
    await paints.painted(false)
    element.hidden = false
    await paints.painted(true)
    await session.stop()
  })
})

describe('<voice-meter variant="wave">', () => {
  const lines = (element: Element): (string | null)[] =>
    deepAll(element, 'path').map((path) => path.getAttribute('d'))
  const FLAT = 'M0 0H240'

  it('passes an audit before and in a conversation, light and dark', () =>
    inBothSchemes(async () => {
      const session = scriptedSession()
      const element = await mount('<main><voice-meter variant="wave"></voice-meter><p>Text</p></main>')
      await audit(element)
      ;(element.querySelector('voice-meter') as VoiceMeter).session = session
      await open(session)
      await audit(element)
      await session.stop()
    }))

  it('draws a line as high as the sound is loud, and whose it is, until the conversation ends', async () => {
    const levels = { inputLevel: 0.2, outputLevel: 0.8 }
    const session = withLevels(scriptedSession(), levels)
    const element = await mount<VoiceMeter>('<voice-meter variant="wave"></voice-meter>')
    expect(lines(element)).to.deep.equal([FLAT, FLAT])
    expect(deepAll(element, 'i')).to.deep.equal([])
    element.session = session
    await open(session)
    const highest = (): number => {
      const [first] = lines(element)
      return Math.max(...[...(first ?? '').matchAll(/ (-?[\d.]+)/g)].map(([, y]) => Number(y)))
    }
    await until(() => highest() > 12)
    expect(deepAll(element, 'path[data-agent]')).to.have.length(2)
    levels.outputLevel = 0.1
    await until(() => highest() < 4 && deepAll(element, 'path[data-agent]').length === 0)
    await session.stop()
    await settled(element)
    expect(lines(element)).to.deep.equal([FLAT, FLAT])
  })

  itNeeds('emulated media features, for which its driver has no command')(
    'stands still and grows clearer for readers who asked for less motion',
    async () => {
      await emulateMedia({ reducedMotion: 'reduce' })
      const levels = { inputLevel: 0.9, outputLevel: 0 }
      const session = withLevels(scriptedSession(), levels)
      const element = await mount<VoiceMeter>('<voice-meter variant="wave"></voice-meter>')
      element.session = session
      await open(session)
      const opacity = (): number => Number(deepAll(element, 'svg')[0]?.style.opacity)
      await until(() => opacity() > 0.9)
      const before = lines(element)
      levels.inputLevel = 0
      await until(() => opacity() < 0.4 && opacity() > 0)
      expect(lines(element)).to.deep.equal(before)
      await session.stop()
      await emulateMedia({ reducedMotion: 'no-preference' })
    },
  )

  it('can become bars and a line again', async () => {
    const session = withLevels(scriptedSession(), { inputLevel: 0.6, outputLevel: 0 })
    const element = await mount<VoiceMeter>('<voice-meter></voice-meter>')
    element.session = session
    await open(session)
    element.variant = 'wave'
    await settled(element)
    await until(() => lines(element)[0] !== FLAT)
    element.variant = 'bars'
    await settled(element)
    await drawn(element, (bars) => height(bars[14]) === 0.6)
    await session.stop()
  })
})
