import { expect } from 'chai'
import type { VoiceAgent, VoiceStatus } from '../../elements/index.ts'
import '../../elements/index.ts'
import { ENGLISH } from '../../elements/internal/localization.ts'
import { deep, mount, mountAgent, scriptedSession, settled, words } from './fixture.ts'

const LANGUAGES = ['ar', 'de', 'es', 'fr', 'it', 'ja', 'ko', 'nl', 'pl', 'pt', 'tr', 'zh']

/** Waits until the start button says something else than before. */
async function said(agent: Element, text: string): Promise<void> {
  await settled(agent)
  const button = deep(agent, '.start')
  if (words(button) === text) return
  await new Promise<void>((resolve) => {
    const observer = new MutationObserver(() => {
      if (words(button) !== text) return
      observer.disconnect()
      resolve()
    })
    observer.observe(button, { subtree: true, childList: true, characterData: true })
  })
}

describe('words', () => {
  afterEach(() => document.documentElement.setAttribute('lang', 'en'))

  for (const language of LANGUAGES) {
    it(`are all there in ${language}`, async () => {
      const { words: translated } = await import(`../../elements/locales/${language}.ts`)
      expect(Object.keys(translated).sort()).to.deep.equal(Object.keys(ENGLISH).sort())
      expect(Object.keys(translated.errors).sort()).to.deep.equal(Object.keys(ENGLISH.errors).sort())
      const texts = [...Object.values(translated), ...Object.values(translated.errors)]
      expect(texts.filter((text) => typeof text === 'string' && text.trim() === '')).to.deep.equal([])
    })
  }

  it('are those of the element’s own language, whatever the region', async () => {
    await said(await mountAgent('lang="de-AT"'), 'Gespräch beginnen')
  })

  it('are those of the nearest language around, through shadow roots', async () => {
    const host = await mount<HTMLElement>('<section lang="fr"><div></div></section>')
    const root = host.querySelector('div')!.attachShadow({ mode: 'open' })
    root.innerHTML = '<voice-agent></voice-agent>'
    await said(root.firstElementChild as VoiceAgent, 'Commencer à parler')
  })

  it('follow the page when it changes its language, and back', async () => {
    const agent = await mountAgent()
    expect(words(deep(agent, '.start'))).to.equal('Start talking')
    document.documentElement.lang = 'nl'
    await said(agent, 'Begin te praten')
    document.documentElement.lang = 'en-GB'
    await said(agent, 'Start talking')
  })

  it('are written once on a page that does not name its language', async () => {
    document.documentElement.removeAttribute('lang')
    const agent = document.createElement('voice-agent')
    let updates = 0
    agent.addController({ hostUpdated: () => updates++ })
    document.body.append(agent)
    await settled(agent)
    await new Promise(requestAnimationFrame)
    expect(updates).to.equal(1)
    agent.remove()
  })

  it('stay English in a language that there is not', async () => {
    const agent = await mountAgent('lang="fr"')
    await said(agent, 'Commencer à parler')
    agent.lang = 'tlh'
    await said(agent, 'Start talking')
  })

  it('of the page’s own come before those of the language', async () => {
    const agent = await mountAgent('lang="de"')
    agent.strings = { mute: 'Ruhe' }
    await said(agent, 'Gespräch beginnen')
    expect(words(deep(agent, 'voice-mute-button').shadowRoot!.querySelector('button')!)).to.equal('Ruhe')
  })

  it('reach an element with a session of its own', async () => {
    document.documentElement.lang = 'es'
    const status = await mount<VoiceStatus>('<voice-status></voice-status>')
    status.session = scriptedSession()
    await settled(status)
    const message = deep(status, '.message')
    if (words(message) !== 'Listo') {
      await new Promise<void>((resolve) => {
        new MutationObserver(() => words(message) === 'Listo' && resolve()).observe(message, {
          subtree: true,
          childList: true,
          characterData: true,
        })
      })
    }
    expect(words(message)).to.equal('Listo')
  })
})
