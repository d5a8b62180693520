import { expect } from 'chai'
import type { VoiceAgent } from '../../elements/index.ts'
import { until } from '../support/events.ts'
import { answer, deep, deepAll, open, SCRIPTED, settled } from './fixture.ts'

type Page = Window & typeof globalThis

/** A page of its own that allows nothing but what comes from its origin, and what it forbade so far. */
async function strictPage(): Promise<{ page: Page; violations: string[] }> {
  const embed = document.createElement('iframe')
  embed.src = '/strict.html'
  const loaded = new Promise((resolve) => embed.addEventListener('load', resolve, { once: true }))
  document.body.append(embed)
  await loaded
  const page = embed.contentWindow as Page
  const violations: string[] = []
  page.document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) =>
    violations.push(`${violatedDirective} ${blockedURI}`),
  )
  return { page, violations }
}

async function load(page: Page, source: string): Promise<void> {
  const script = Object.assign(page.document.createElement('script'), { type: 'module', src: source })
  const loaded = new Promise((resolve, reject) => {
    script.addEventListener('load', resolve)
    script.addEventListener('error', reject)
  })
  page.document.head.append(script)
  await loaded
}

describe('<voice-agent> under Content-Security-Policy: default-src "self"', () => {
  it('is whole: styles, meter, transcript, failures', async () => {
    const { page, violations } = await strictPage()
    await load(page, new URL('../../elements/index.ts', import.meta.url).href)
    // What cannot be seen is not drawn.
    ;(page.frameElement as HTMLElement).style.setProperty('block-size', '600px')
    const agent = page.document.createElement('voice-agent') as VoiceAgent
    page.document.body.append(agent)
    await agent.start().catch(() => {})
    agent.getToken = () => 'token'
    agent.sessionOptions = SCRIPTED
    const socket = await open({ start: () => agent.start() })
    answer(socket, 'a1', 'Hello')
    await settled(agent)
    await until(() => deepAll(agent, '[part=bar]')[14]?.style.transform.startsWith('scaleY') === true)
    expect(page.getComputedStyle(deep(agent, '[part=panel]')).borderRadius).to.equal('20px')
    expect(page.getComputedStyle(deep(agent, '[part~=entry]')).alignSelf).to.equal('flex-start')
    await agent.stop()
    expect(violations).to.deep.equal([])
  })

  it('holds for the controls that are not among the default ones', async () => {
    const { page, violations } = await strictPage()
    await load(page, new URL('../../elements/index.ts', import.meta.url).href)
    // What cannot be seen is not drawn.
    ;(page.frameElement as HTMLElement).style.setProperty('block-size', '600px')
    const agent = page.document.createElement('voice-agent') as VoiceAgent
    agent.innerHTML = `<voice-orb></voice-orb><voice-meter variant="wave"></voice-meter><voice-volume></voice-volume>
      <voice-text-input></voice-text-input><voice-device-select></voice-device-select>
      <voice-talk-button></voice-talk-button>`
    page.document.body.append(agent)
    agent.getToken = () => 'token'
    agent.sessionOptions = SCRIPTED
    await open({ start: () => agent.start() })
    await settled(agent)
    await until(() => deep(agent, '.ball').style.transform !== '')
    await until(() => deepAll(agent, 'path[part=line]')[0]?.getAttribute('d') !== 'M0 0H240')
    const corners = ['select', 'textarea + button', '.ball'].map(
      (selector) => page.getComputedStyle(deep(agent, selector)).borderRadius,
    )
    expect(corners).to.deep.equal(['12px', '50%', '50%'])
    await agent.stop()
    expect(violations).to.deep.equal([])
  })

  it('is whole where it has tools, help with the microphone, and the diagnostics', async () => {
    const { page, violations } = await strictPage()
    await load(page, new URL('../../elements/index.ts', import.meta.url).href)
    await load(page, new URL('../../elements/voice-debug.ts', import.meta.url).href)
    page.document.body.innerHTML = `<voice-agent><voice-tool name="look" description="Looks">
      <script type="application/json">{ "type": "object", "title": "Look" }</script>
    </voice-tool></voice-agent><voice-debug open></voice-debug>`
    const agent = page.document.querySelector('voice-agent')!
    const debug = page.document.querySelector('voice-debug')!
    agent.getToken = () => 'token'
    agent.sessionOptions = SCRIPTED
    const socket = await open({ start: () => agent.start() })
    const { session } = socket.texts[0] as unknown as { session: { tools: { parameters: object }[] } }
    expect(session.tools[0]?.parameters).to.deep.equal({ type: 'object', title: 'Look' })
    debug.session = agent.session
    await until(() => deepAll(debug, '[part=facts] td').some(({ textContent }) => textContent === 'open'))
    expect(page.getComputedStyle(deep(debug, '.root')).position).to.equal('fixed')
    await agent.stop()
    page.navigator.mediaDevices.getUserMedia = () =>
      Promise.reject(new page.DOMException('Denied', 'NotAllowedError'))
    agent.sessionOptions = {}
    await agent.start().catch(() => {})
    await until(() => deepAll(agent, '[part=step]').length > 0)
    expect(page.getComputedStyle(deep(agent, '[part=retry-button]')).cursor).to.equal('pointer')
    expect(violations).to.deep.equal([])
  })

  it('is a test that can fail: an inline style is forbidden there', async () => {
    const { page, violations } = await strictPage()
    const told = new Promise((resolve) =>
      page.document.addEventListener('securitypolicyviolation', resolve, { once: true }),
    )
    page.document.body.innerHTML = '<p style="color: red"></p>'
    await told
    expect(violations).to.deep.equal(['style-src-attr inline'])
  })
})
