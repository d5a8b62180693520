import { expect } from 'chai'
import type { VoiceMeter } from '../../elements/index.ts'
import '../../elements/index.ts'
import type { VoiceSession } from '../../src/index.ts'
import { audit, deep, deepAll, inBothSchemes, mount, open, scriptedSession, settled } from './fixture.ts'

interface PaintCounter {
  readonly count: () => number
  /** Resolved after a paint that is not counted. */
  readonly next: () => Promise<unknown>
  readonly [Symbol.dispose]: () => void
}

/** Counts the paints that are asked for while it lives. */
function countPaints(): PaintCounter {
  const original = globalThis.requestAnimationFrame
  let paints = 0
  globalThis.requestAnimationFrame = (callback) => {
    paints++
    return original(callback)
  }
  return {
    count: () => paints,
    next: () => new Promise((resolve) => original(resolve)),
    [Symbol.dispose]: () => {
      globalThis.requestAnimationFrame = original
    },
  }
}

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

function withLevels(
  session: VoiceSession,
  levels: { inputLevel: number; outputLevel: number },
): VoiceSession {
  for (const [name, value] of Object.entries(levels)) Object.defineProperty(session, name, { value })
  return session
}

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
})
