import { expect } from 'chai'
import { createScripted, stopScripted } from '../support/scripted-provider.ts'

// Nothing here may import the elements, but for their types, before the page has them.

describe('controls that are defined after the page was written', () => {
  it('keep properties, and find the agent around them', async () => {
    document.body.innerHTML = `<voice-agent>
        <voice-text-input></voice-text-input><voice-volume></voice-volume><voice-talk-button></voice-talk-button>
      </voice-agent>
      <voice-device-select></voice-device-select><voice-meter></voice-meter><voice-orb></voice-orb>`
    const find = <K extends keyof HTMLElementTagNameMap>(name: K): HTMLElementTagNameMap[K] =>
      document.querySelector(name) as HTMLElementTagNameMap[K]
    const session = createScripted()
    find('voice-text-input').placeholder = 'Ask'
    find('voice-device-select').kind = 'output'
    find('voice-meter').variant = 'wave'
    find('voice-orb').session = session
    find('voice-volume').strings = { volume: 'Lautstärke' }
    expect(customElements.get('voice-orb')).to.equal(undefined)

    await import('../../elements/voice-orb.ts')
    await import('../../elements/voice-talk-button.ts')
    await import('../../elements/index.ts')
    const controls = document.querySelectorAll<HTMLElementTagNameMap['voice-orb']>(':not(:defined)')
    expect(controls.length).to.equal(0)
    for (const name of ['voice-text-input', 'voice-volume', 'voice-talk-button'] as const) {
      await find(name).updateComplete
    }
    const inside = (name: keyof HTMLElementTagNameMap, selector: string): Element | null | undefined =>
      find(name).shadowRoot?.querySelector(selector)
    expect((inside('voice-text-input', 'textarea') as HTMLTextAreaElement).placeholder).to.equal('Ask')
    expect((inside('voice-text-input', 'textarea') as HTMLTextAreaElement).disabled).to.equal(false)
    expect(inside('voice-volume', '.unseen')?.textContent).to.equal('Lautstärke')
    expect(find('voice-device-select').getAttribute('kind')).to.equal('output')
    expect(find('voice-meter').getAttribute('variant')).to.equal('wave')
    expect(find('voice-orb').session).to.equal(session)
    expect(find('voice-agent').muted).to.equal(true)
    await stopScripted()
  })
})
