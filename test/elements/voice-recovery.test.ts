import { expect } from 'chai'
import type { VoiceAgent } from '../../elements/index.ts'
import { FIREFOX, WEBKIT } from '../support/abilities.ts'
import '../../elements/index.ts'
import { type Browser, browserOf } from '../../elements/internal/browser.ts'
import { ENGLISH_RECOVERY } from '../../elements/internal/recovery-strings.ts'
import { type VoiceError, VoiceError as VoiceErrorClass, type VoiceErrorCode } from '../../src/index.ts'
import { until } from '../support/events.ts'
import {
  audit,
  deep,
  deepAll,
  inBothSchemes,
  mount,
  mountAgent,
  next,
  scriptedSession,
  settled,
  words,
} from './fixture.ts'

const BROWSERS: readonly Browser[] = ['chrome', 'firefox', 'safari', 'ios', 'android', 'other']
const CODES = Object.keys(ENGLISH_RECOVERY.steps) as (keyof typeof ENGLISH_RECOVERY.steps)[]
const FINAL = ['microphone-blocked', 'insecure-context']

/** Makes every start of an agent fail with a code, until it is changed. */
function failWith(agent: VoiceAgent, code: VoiceErrorCode): { starts: number } {
  const seen = { starts: 0 }
  const session = scriptedSession()
  session.start = () => {
    seen.starts++
    return Promise.reject(new VoiceErrorClass(code, 'It failed'))
  }
  agent.session = session
  return seen
}

/** Fails, and waits until the help is there. */
async function fail(agent: VoiceAgent, code: VoiceErrorCode): Promise<HTMLElement> {
  failWith(agent, code)
  await agent.start().catch(() => {})
  await until(() => deepAll(agent, '[part=recovery]').length > 0)
  await settled(agent)
  return deep(agent, 'voice-recovery')
}

/** Puts a permission that the test changes in the place of the browser's. */
function fakePermission(): { set(state: PermissionState): void; restore(): void } {
  const original = navigator.permissions.query
  const permission = Object.assign(new EventTarget(), { state: 'denied' as PermissionState })
  navigator.permissions.query = async () => permission as unknown as PermissionStatus
  return {
    set(state) {
      permission.state = state
      permission.dispatchEvent(new Event('change'))
    },
    restore() {
      navigator.permissions.query = original
    },
  }
}

const steps = (root: Element): string[] => deepAll(root, '[part=step]').map(words)
const focused = (root: DocumentOrShadowRoot = document): Element | null => {
  const { activeElement } = root
  return activeElement?.shadowRoot ? focused(activeElement.shadowRoot) : activeElement
}

describe('<voice-recovery>', () => {
  it('is not there before a microphone fails, and not for other failures', async () => {
    const agent = await mountAgent()
    failWith(agent, 'connection-failed')
    await agent.start().catch(() => {})
    await settled(agent)
    expect(words(deep(agent, '[part=hint]'))).to.equal('Check the network and the address')
    expect(customElements.get('voice-recovery')).to.equal(undefined)
    expect(deepAll(agent, 'voice-recovery')).to.deep.equal([])
  })

  it('comes where the browser refuses the microphone, in the place of the hint', async () => {
    const original = navigator.mediaDevices.getUserMedia
    navigator.mediaDevices.getUserMedia = () =>
      Promise.reject(new DOMException('Permission denied', 'NotAllowedError'))
    try {
      const agent = await mountAgent()
      agent.sessionOptions = {}
      const told = next<VoiceError>(agent, 'error')
      agent.start().catch(() => {})
      const { code } = (await told).detail
      expect(CODES).to.include(code)
      await until(() => deepAll(agent, '[part=recovery]').length > 0)
      expect(steps(agent)).to.deep.equal(
        ENGLISH_RECOVERY.steps[code as 'microphone-denied'][
          FIREFOX ? 'firefox' : WEBKIT ? 'other' : 'chrome'
        ],
      )
      expect(deepAll(agent, '[part=hint]')).to.deep.equal([])
    } finally {
      navigator.mediaDevices.getUserMedia = original
    }
  })

  it('passes an audit, light and dark, before and after it is solved', () =>
    inBothSchemes(async () => {
      const permission = fakePermission()
      try {
        const agent = await mountAgent()
        await fail(agent, 'microphone-denied')
        await audit(agent)
        permission.set('granted')
        await until(() => deepAll(agent, '.primary').length > 0)
        await audit(agent)
      } finally {
        permission.restore()
      }
    }))

  for (const code of CODES) {
    it(`says in each browser what to do about ${code}, in one to three steps`, async () => {
      const agent = await mountAgent()
      const recovery = await fail(agent, code)
      for (const browser of BROWSERS) {
        Object.assign(recovery, { browser })
        await settled(agent)
        const { [browser]: own, other } = ENGLISH_RECOVERY.steps[code]
        expect(steps(agent)).to.deep.equal(own ?? other)
        expect(steps(agent).length, browser).to.be.within(1, 3)
      }
      expect(deepAll(agent, '[part=retry-button]').length).to.equal(FINAL.includes(code) ? 0 : 1)
    })
  }

  it('speaks the words of the page, where it has some', async () => {
    const agent = await mountAgent()
    agent.strings = {
      recovery: { again: 'Noch einmal', steps: { 'microphone-denied': { other: ['Erlaube das Mikrofon'] } } },
    }
    await fail(agent, 'microphone-denied')
    expect(steps(agent)).to.deep.equal(['Erlaube das Mikrofon'])
    expect(words(deep(agent, '[part=retry-button]'))).to.equal('Noch einmal')
    expect(words(deep(agent, '[part=recovery-title]'))).to.equal('What you can do')
    await fail(agent, 'microphone-in-use')
    expect(steps(agent)).to.deep.equal(ENGLISH_RECOVERY.steps['microphone-in-use'].other)
  })

  it('starts again, and goes when it goes on', async () => {
    const agent = await mountAgent()
    await fail(agent, 'microphone-in-use')
    const { start } = scriptedSession()
    let starts = 0
    agent.session!.start = async () => void starts++
    deep(agent, '[part=retry-button]').click()
    expect(starts).to.equal(1)
    agent.session!.start = start
    agent.session = scriptedSession()
    await settled(agent)
    expect(deepAll(agent, 'voice-recovery')).to.deep.equal([])
  })

  it('offers to type where the agent can, and starts in text', async () => {
    const agent = await mountAgent()
    const recovery = await fail(agent, 'microphone-not-found')
    Object.assign(recovery, { browser: 'other' })
    await settled(agent)
    const modes: unknown[] = []
    agent.session!.start = async () => void modes.push(agent.mode)
    deep(agent, '[part=type-button]').click()
    expect(modes).to.deep.equal(['text'])
  })

  it('notices that the microphone is allowed, says so, and offers the start first', async () => {
    const permission = fakePermission()
    try {
      const agent = await mountAgent()
      await fail(agent, 'microphone-denied')
      const region = deep(agent, '[part=solved]')
      expect(words(region)).to.equal('')
      permission.set('prompt')
      await settled(agent)
      expect(words(region)).to.equal('')
      permission.set('granted')
      await until(() => focused()?.getAttribute('part') === 'retry-button')
      expect(words(region)).to.equal('The microphone is allowed now')
      expect(region.role ?? region.getAttribute('role')).to.equal('status')
      expect(steps(agent)).to.deep.equal([])
      expect(focused()?.className).to.equal('primary')
      permission.set('denied')
      await until(() => steps(agent).length > 0)
      expect(words(region)).to.equal('')
    } finally {
      permission.restore()
    }
  })

  it('takes the focus from no field that the reader writes in', async () => {
    const permission = fakePermission()
    try {
      const page = await mount('<div><voice-agent></voice-agent><input></div>')
      const agent = page.querySelector('voice-agent')!
      await fail(agent, 'microphone-denied')
      const field = page.querySelector('input')!
      field.focus()
      permission.set('granted')
      await until(() => deepAll(agent, '.primary').length > 0)
      await settled(agent)
      expect(focused()).to.equal(field)
    } finally {
      permission.restore()
    }
  })

  it('works where the browser tells nothing of permissions', async () => {
    const original = navigator.permissions.query
    navigator.permissions.query = () => Promise.reject(new TypeError('No such permission'))
    try {
      const agent = await mountAgent()
      await fail(agent, 'microphone-denied')
      expect(deepAll(agent, '[part=retry-button]').length).to.equal(1)
    } finally {
      navigator.permissions.query = original
    }
  })

  it('helps a status that was given a session', async () => {
    const session = scriptedSession()
    const status = await mount('<voice-status></voice-status>')
    Object.assign(status, { session })
    await settled(status)
    const { conversation } = status as unknown as { conversation: { start(): Promise<void> } }
    session.start = () => Promise.reject(new VoiceErrorClass('microphone-ended', 'It went away'))
    await conversation.start().catch(() => {})
    await until(() => deepAll(status, '[part=recovery]').length > 0)
    expect(steps(status)).to.deep.equal(ENGLISH_RECOVERY.steps['microphone-ended'].other)
  })
})

describe('browserOf()', () => {
  const WEBKIT = 'AppleWebKit/605.1.15 (KHTML, like Gecko)'
  const BLINK = 'AppleWebKit/537.36 (KHTML, like Gecko)'
  for (const [name, userAgent, expected, more] of [
    ['Chrome', `Mozilla/5.0 (X11; Linux x86_64) ${BLINK} Chrome/156.0.0.0 Safari/537.36`, 'chrome'],
    ['Edge', `Mozilla/5.0 (Windows NT 10.0) ${BLINK} Chrome/156.0.0.0 Safari/537.36 Edg/156.0.0.0`, 'chrome'],
    ['Firefox', 'Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0', 'firefox'],
    [
      'Safari',
      `Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) ${WEBKIT} Version/26.0 Safari/605.1.15`,
      'safari',
    ],
    [
      'Safari on an iPhone',
      `Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) ${WEBKIT} Version/26.0 Mobile/15E148 Safari/604.1`,
      'ios',
    ],
    [
      'Safari on an iPad, which calls itself a Mac',
      `Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) ${WEBKIT} Version/26.0 Safari/605.1.15`,
      'ios',
      { maxTouchPoints: 5 },
    ],
    [
      'Chrome on an iPhone',
      `Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) ${WEBKIT} CriOS/156.0.0.0 Mobile/15E148 Safari/604.1`,
      'other',
    ],
    [
      'Chrome on Android',
      `Mozilla/5.0 (Linux; Android 10; K) ${BLINK} Chrome/156.0.0.0 Mobile Safari/537.36`,
      'android',
    ],
    ['Firefox on Android', 'Mozilla/5.0 (Android 15; Mobile; rv:153.0) Gecko/153.0 Firefox/153.0', 'other'],
    [
      'Samsung Internet',
      `Mozilla/5.0 (Linux; Android 10; K) ${BLINK} SamsungBrowser/29.0 Chrome/156.0.0.0 Mobile Safari/537.36`,
      'other',
    ],
    [
      'Chromium by its hints alone',
      'Unknown',
      'chrome',
      { userAgentData: { mobile: false, platform: 'Linux' } },
    ],
    ['something else', 'Lynx/2.9', 'other'],
  ] as const) {
    it(`knows ${name}`, () => {
      expect(browserOf({ userAgent, maxTouchPoints: 0, ...more })).to.equal(expected)
    })
  }
})
