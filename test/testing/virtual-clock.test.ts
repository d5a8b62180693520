import { expect } from 'chai'
import { VirtualClock } from '../../src/testing/index.ts'
import { ScriptedSocket } from '../../src/testing/scripted-socket.ts'
import { ReconnectingWebSocket } from '../../src/transport/reconnecting-websocket.ts'
import { rejection } from '../support/events.ts'

describe('VirtualClock', () => {
  it('stands still, and goes on by advance() alone', async () => {
    const clock = new VirtualClock({ now: 1000 })
    const before = performance.now()
    while (performance.now() === before);
    expect([clock.now(), clock.performanceNow()]).to.deep.equal([1000, 0])
    await clock.advance(2.5)
    expect([clock.now(), clock.performanceNow()]).to.deep.equal([1002, 2.5])
  })

  it('advance() runs timers in the order of their times, and of their making where these are one', async () => {
    const clock = new VirtualClock({ now: 0 })
    const log: string[] = []
    const note = (name: string) => log.push(`${name} ${clock.now()}`)
    clock.setTimeout(note, 30, 'c')
    clock.setTimeout(note, 10, 'a')
    clock.setTimeout(note, 30, 'd')
    clock.setInterval(note, 20, 'every')
    await clock.advance(40)
    expect(log).to.deep.equal(['a 10', 'every 20', 'c 30', 'd 30', 'every 40'])
    expect([clock.now(), clock.pending]).to.deep.equal([40, 1])
  })

  it('advance() runs timers that are set on the way, by promises too', async () => {
    const clock = new VirtualClock({ now: 0 })
    const log: number[] = []
    const wait = (ms: number) => new Promise<void>((resolve) => clock.setTimeout(resolve, ms))
    async function work() {
      for (let i = 0; i < 20; i++) await null
      for (let i = 0; i < 3; i++) {
        await wait(10)
        for (let j = 0; j < 20; j++) await null
        log.push(clock.now())
      }
    }
    void work()
    await clock.advance(25)
    expect(log).to.deep.equal([10, 20])
    await clock.advance(5)
    expect(log).to.deep.equal([10, 20, 30])
  })

  it('clearTimeout() and clearInterval() leave nothing behind, from within too', async () => {
    const clock = new VirtualClock()
    let count = 0
    const interval = clock.setInterval(() => {
      if (++count === 2) clock.clearInterval(interval)
    }, 1)
    clock.clearTimeout(clock.setTimeout(() => expect.fail('was cleared'), 1))
    clock.clearTimeout(undefined)
    await clock.advance(10)
    expect([count, clock.pending]).to.deep.equal([2, 0])
  })

  it('advance() comes to an end where timers of 0 ms set one another off', async () => {
    const clock = new VirtualClock()
    let count = 0
    const again = (): void => {
      count++
      clock.setTimeout(again, 0)
    }
    again()
    await clock.advance(8)
    expect(count).to.be.within(5, 10)
  })

  it('advance() rejects with what a timer throws, at its time, and can go on', async () => {
    const clock = new VirtualClock({ now: 0 })
    const failure = new Error('from the timer')
    clock.setTimeout(() => {
      throw failure
    }, 5)
    expect(await rejection(clock.advance(10))).to.equal(failure)
    expect(clock.now()).to.equal(5)
    await clock.advance(1)
    expect(clock.now()).to.equal(6)
  })

  it('advance() does not go backwards', async () => {
    const clock = new VirtualClock()
    expect(await rejection(clock.advance(-1))).to.be.instanceOf(RangeError)
    expect(await rejection(clock.advance(Number.NaN))).to.be.instanceOf(RangeError)
  })

  it('install() is the clock of the page until uninstall()', async () => {
    const real = { setTimeout, setInterval, clearTimeout, clearInterval, Date }
    const ticking = setTimeout(() => expect.fail('was cleared while the clock was installed'), 1)
    const clock = new VirtualClock({ now: Date.UTC(2030, 1, 3) }).install()
    let due = false
    try {
      clearTimeout(ticking)
      setTimeout(() => {
        due = true
      }, 60_000)
      const cleared = setInterval(() => expect.fail('was cleared'), 1)
      clearInterval(cleared)
      await clock.advance(60_000)
      expect([due, Date.now(), performance.now()]).to.deep.equal([true, Date.UTC(2030, 1, 3, 0, 1), 60_000])
      expect(new Date().toISOString()).to.equal('2030-02-03T00:01:00.000Z')
      expect(new Date(0).getTime()).to.equal(0)
      expect(new Date()).to.be.instanceOf(Date)
      expect(Date()).to.match(/2030/)
      expect(() => clock.install())
        .to.throw(DOMException)
        .with.property('name', 'InvalidStateError')
    } finally {
      clock.uninstall()
    }
    clock.uninstall()
    expect({ setTimeout, setInterval, clearTimeout, clearInterval, Date }).to.deep.equal(real)
    expect(Object.hasOwn(performance, 'now')).to.equal(false)
    await new Promise((resolve) => setTimeout(resolve, 5))
  })

  it('install() drives the backoff of a line that is lost', async () => {
    ScriptedSocket.reset()
    const clock = new VirtualClock({ now: 0 }).install()
    try {
      const dials: number[] = []
      const socket = new ReconnectingWebSocket({
        endpoint: async () => {
          dials.push(clock.now())
          return { url: 'wss://test.invalid/', protocols: [] }
        },
        isFatal: () => false,
        onopen: () => {},
        onmessage: () => {},
        onretry: () => {},
        onend: () => dials.push(-1),
        WebSocket: ScriptedSocket.asWebSocket,
        random: () => 1,
        maxAttempts: 5,
        maxMs: 2000,
      })
      await socket.connect()
      ScriptedSocket.dialled.at(-1)?.accept()
      socket.ready()
      for (let i = 0; i <= 5; i++) {
        ScriptedSocket.dialled.at(-1)?.drop()
        await clock.advance(2000)
      }
      // After 500, 1000 and then 2000 ms, each from the loss before.
      expect(dials).to.deep.equal([0, 500, 3000, 6000, 8000, 10_000, -1])
      expect(clock.pending).to.equal(0)
    } finally {
      clock.uninstall()
    }
  })
})
