import { expect } from 'chai'
import { HeardItems } from '../../src/audio/heard-items.ts'
import type { PlaybackProgress } from '../../src/audio/worklet-messages.ts'

/** At 1000 Hz a sample is a millisecond. */
function items(received: Record<string, number>, rendered: Record<string, number> = {}, silentSeconds = 0) {
  const heard = new HeardItems(1000)
  for (const [itemId, length] of Object.entries(received)) heard.receive(itemId, length)
  report(heard, rendered, silentSeconds)
  return heard
}

function progress(known: Partial<PlaybackProgress>): PlaybackProgress {
  return {
    items: [],
    time: 10,
    running: false,
    level: 0,
    bufferedSeconds: 0,
    silentSeconds: 0,
    delayMs: 0,
    underruns: 0,
    gapMs: 0,
    ...known,
  }
}

function report(heard: HeardItems, rendered: Record<string, number>, silentSeconds = 0): void {
  const list = Object.entries(rendered).map(([itemId, count]) => ({ itemId, rendered: count }))
  heard.update(progress({ items: list, silentSeconds }))
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

  it('unheard() reckons with what was rendered since the report, as far as sound waited then', () => {
    const heard = new HeardItems(1000)
    heard.receive('a', 300)
    heard.receive('b', 1000)
    const items = [
      { itemId: 'a', rendered: 200 },
      { itemId: 'b', rendered: -100 },
    ]
    const heardAt = (time: number) => heard.unheard(0.0625, time).map(({ heardMs }) => heardMs)
    heard.update(progress({ items, running: true, bufferedSeconds: 0.25 }))
    expect(heardAt(10)).to.deep.equal([137, 0])
    expect(heardAt(10.03125)).to.deep.equal([168, 0])
    // What waited runs out after 250 ms; then the latency goes by.
    expect(heardAt(10.25)).to.deep.equal([87])
    expect(heardAt(10.5)).to.deep.equal([150])
    expect(heardAt(9), 'no report comes from the future').to.deep.equal([137, 0])
  })

  it('unheard() stands still where sound is not running, but for the latency', () => {
    const heard = new HeardItems(1000)
    heard.receive('a', 1000)
    heard.update(progress({ items: [{ itemId: 'a', rendered: 600 }], bufferedSeconds: 0.4 }))
    expect(heard.unheard(0.125, 10.0625)[0]?.heardMs).to.equal(537)
    expect(heard.unheard(0.125, 10.25)[0]?.heardMs).to.equal(600)
  })

  it('unheard() has heard nothing of what the worklet has not told of yet', () => {
    const heard = new HeardItems(1000)
    heard.receive('a', 100)
    heard.update(progress({ items: [{ itemId: 'a', rendered: 90 }], running: true, bufferedSeconds: 1 }))
    heard.receive('b', 1000)
    expect(heard.unheard(0, 10.25)).to.deep.equal([{ itemId: 'b', heardMs: 0, receivedMs: 1000 }])
  })

  it('open lists the item of which more may come', () => {
    const heard = items({ a: 100, b: 100 })
    expect(heard.open).to.deep.equal(['b'])
    heard.end('b')
    expect(heard.open).to.deep.equal([])
  })
})
