import { expect } from 'chai'
import { CutItems } from '../../src/audio/cut-items.ts'

describe('CutItems', () => {
  it('has() knows what was added, until it is deleted or all is cleared', () => {
    const items = new CutItems()
    for (const itemId of ['a', 'b', 'c']) items.add(itemId)
    items.delete('a')
    expect(['a', 'b', 'c', 'd'].map((itemId) => items.has(itemId))).to.deep.equal([false, true, true, false])
    items.clear()
    expect(items.has('b')).to.equal(false)
  })

  it('add() forgets the oldest where there are more than 32', () => {
    const items = new CutItems()
    for (let i = 0; i < 40; i++) items.add(`${i}`)
    expect([7, 8, 39].map((i) => items.has(`${i}`))).to.deep.equal([false, true, true])
  })
})
