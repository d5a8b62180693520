import { expect } from 'chai'
import { html } from 'lit'
import { define } from '../../elements/internal/define.ts'
import { type BodyModule, LazyElement } from '../../elements/internal/lazy-element.ts'
import { Body } from '../../elements/internal/orb.ts'
import { deepAll, mount, settled } from './fixture.ts'

let loads: (() => Promise<BodyModule<LazyElement>>)[] = []
let asked = 0

class TestElement extends LazyElement {
  protected override load(): Promise<BodyModule<LazyElement>> {
    asked++
    return loads.shift()?.() ?? Promise.reject(new Error('Asked once more'))
  }
}
define('test-lazy-element', TestElement)

const TAG = '<test-lazy-element></test-lazy-element>'

beforeEach(() => {
  asked = 0
})

describe('LazyElement', () => {
  it('shows nothing until its body is there, loads it once, and is complete with it', async () => {
    const { promise, resolve } = Promise.withResolvers<BodyModule<LazyElement>>()
    loads = [() => promise]
    document.body.innerHTML = TAG
    const element = document.body.firstElementChild as TestElement
    expect(deepAll(element, '*')).to.deep.equal([])
    resolve({ Body })
    await settled(element)
    expect(deepAll(element, '.ball')).to.have.length(1)
    expect(getComputedStyle(deepAll(element, '.ball')[0] as Element).borderRadius).to.equal('50%')
    element.remove()
    document.body.append(element)
    await settled(element)
    expect(asked).to.equal(1)
  })

  it('connects no body whose element left the page meanwhile, until that is back', async () => {
    const connected: boolean[] = []
    const module: BodyModule<LazyElement> = {
      Body: class {
        static readonly styles = Body.styles
        hostConnected = () => connected.push(true)
        hostDisconnected = () => connected.push(false)
        render = () => html`<p>There</p>`
      },
    }
    loads = [async () => module]
    document.body.innerHTML = TAG
    const element = document.body.firstElementChild as TestElement
    element.remove()
    await settled(element)
    expect(connected).to.deep.equal([])
    document.body.append(element)
    await settled(element)
    expect(connected).to.deep.equal([true])
    expect(deepAll(element, 'p')).to.have.length(1)
  })

  it('warns where its body cannot be had, and asks again when it is put into a page again', async () => {
    const { warn } = console
    const warnings: unknown[][] = []
    console.warn = (...args) => warnings.push(args)
    try {
      loads = [() => Promise.reject(new TypeError('Offline')), async () => ({ Body })]
      const element = await mount<TestElement>(TAG)
      expect(warnings.map(String)).to.deep.equal([
        'voicewire: Cannot load <test-lazy-element>,TypeError: Offline',
      ])
      document.body.append(element)
      await settled(element)
      expect(deepAll(element, '.ball')).to.have.length(1)
    } finally {
      console.warn = warn
    }
  })
})
