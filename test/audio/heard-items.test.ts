import { expect } from 'chai'
import { HeardItems } from '../../src/audio/heard-items.ts'

/** At 1000 Hz a sample is a millisecond. */
function items(received: Record<string, number>, rendered: Record<string, number> = {}, silentSeconds = 0) {
  const heard = new HeardItems(1000)
  for (const [itemId, length] of Object.entries(received)) heard.receive(itemId, length)
  report(heard, rendered, silentSeconds)
  return heard
}

function report(heard: HeardItems, rendered: Record<string, number>, silentSeconds = 0): void {
  const list = Object.entries(rendered).map(([itemId, count]) => ({ itemId, rendered: count }))
  heard.update({ items: list, level: 0, bufferedSeconds: 0, silentSeconds, underruns: 0 })
}

describe('HeardItems', () => {
  it('unheard() takes the latency from what was rendered, and never goes below 0', () => {
    expect(items({ a: 1000 }, { a: 600 }).unheard(0.1)).to.deep.equal([
      { itemId: 'a', heardMs: 500, receivedMs: 1000 },
    ])
    expect(items({ a: 1000 }, { a: 60 }).unheard(0.1)).to.deep.equal([
      { itemId: 'a', heardMs: 0, receivedMs: 1000 },
    ])
    expect(items({ a: 1000 }).unheard(0.1)).to.deep.equal([{ itemId: 'a', heardMs: 0, receivedMs: 1000 }])
  })

  it('unheard() never tells more than was received', () => {
    expect(items({ a: 1000 }, { a: 1400 }).unheard(0.1)).to.deep.equal([
      { itemId: 'a', heardMs: 1000, receivedMs: 1000 },
    ])
  })

  it('unheard() rounds down to whole milliseconds', () => {
    const heard = new HeardItems(24_000)
    heard.receive('a', 24_023)
    report(heard, { a: 12_023 })
    expect(heard.unheard(0)).to.deep.equal([{ itemId: 'a', heardMs: 500, receivedMs: 1000 }])
  })

  it('unheard() leaves out items heard to their end, and keeps one that is still on its way to the ear', () => {
    const heard = items({ a: 100, b: 100, c: 100, d: 100 }, { a: 350, b: 250, c: 150, d: 50 })
    expect(heard.unheard(0.2)).to.deep.equal([
      { itemId: 'b', heardMs: 50, receivedMs: 100 },
      { itemId: 'c', heardMs: 0, receivedMs: 100 },
      { itemId: 'd', heardMs: 0, receivedMs: 100 },
    ])
  })

  it('unheard() keeps an item that is heard so far but has not ended', () => {
    const heard = items({ a: 100 }, { a: 100 }, 5)
    expect(heard.unheard(0.2)).to.deep.equal([{ itemId: 'a', heardMs: 100, receivedMs: 100 }])
    heard.end('a')
    expect(heard.unheard(0.2)).to.deep.equal([])
  })

  it('unheard() counts silence since the last sample as latency gone by', () => {
    expect(items({ a: 1000 }, { a: 600 }, 0.08).unheard(0.1)[0]?.heardMs).to.equal(580)
    expect(items({ a: 1000 }, { a: 600 }, 3).unheard(0.1)[0]?.heardMs).to.equal(600)
  })

  it('drained is true when all that was received of all that ended was rendered', () => {
    const heard = items({ a: 100, b: 100 }, { a: 200, b: 100 })
    expect(heard.drained).to.equal(false)
    heard.end('b')
    expect(heard.drained).to.equal(true)
    heard.receive('c', 1)
    heard.end('c')
    expect(heard.drained).to.equal(false)
  })

  it('refuse() takes back what will never be rendered', () => {
    const heard = items({ a: 1000 }, { a: 600 })
    heard.refuse('a', 400)
    heard.refuse('unknown', 1)
    heard.end('a')
    expect(heard.drained).to.equal(true)
  })

  it('end() tells whether the item is known', () => {
    const heard = items({ a: 100 })
    expect(heard.end('a')).to.equal(true)
    expect(heard.end('b')).to.equal(false)
  })

  it('receive() counts half a sample once its other half has come', () => {
    const items = new HeardItems(1000)
    items.receive('a', 1.5)
    expect(items.unheard(0)).to.deep.equal([{ itemId: 'a', heardMs: 0, receivedMs: 1 }])
    items.receive('a', 0.5)
    expect(items.unheard(0)).to.deep.equal([{ itemId: 'a', heardMs: 0, receivedMs: 2 }])
  })
})
