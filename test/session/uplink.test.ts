import { expect } from 'chai'
import type { VoiceWarning } from '../../src/events.ts'
import type { Provider, WireData } from '../../src/providers/provider.ts'
import { Uplink } from '../../src/session/uplink.ts'

const RATE = 16_000
/** 20 ms; 640 bytes on the wire. */
const chunk = (value: number) => new Int16Array(320).fill(value)

function setUp({ keepAlive = false } = {}) {
  const sent: number[] = []
  const warnings: VoiceWarning[] = []
  const socket = { bufferedAmount: 0 }
  const provider = {
    inputFormat: { encoding: 'pcm16', sampleRate: RATE },
    ...(keepAlive && { keepAlive: { intervalMs: 8000, data: 'KeepAlive' } }),
    encodeAudio: (pcm: Int16Array<ArrayBuffer>): WireData => new Uint8Array(pcm.buffer),
  } as unknown as Provider
  const uplink = new Uplink({
    provider,
    bufferedAmount: () => socket.bufferedAmount,
    transmit: (data) => sent.push(new Int16Array((data as Uint8Array<ArrayBuffer>).buffer)[0]!),
    onwarning: (warning) => warnings.push(warning),
  })
  const push = (from: number, to: number, muted = false) => {
    for (let value = from; value <= to; value++) uplink.push(chunk(value), muted)
  }
  return { uplink, push, sent, warnings, socket }
}

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i)

describe('Uplink', () => {
  it('push() sends at once where there is a line that takes it', () => {
    const { uplink, push, sent } = setUp()
    uplink.open()
    push(1, 3)
    expect([sent, uplink.droppedMs]).to.deep.equal([[1, 2, 3], 0])
  })

  it('open() sends in order what waited, the newest two seconds, whatever the socket holds', () => {
    const { uplink, push, sent, warnings, socket } = setUp()
    push(1, 110)
    socket.bufferedAmount = 1e6
    uplink.open()
    expect(sent).to.deep.equal(range(11, 110))
    expect([uplink.droppedMs, warnings]).to.deep.equal([200, []])
  })

  it('push() copies what must wait, as the microphone uses its chunks again', () => {
    const { uplink, sent } = setUp()
    const reused = chunk(1)
    uplink.push(reused, false)
    reused.fill(9)
    uplink.open()
    expect(sent).to.deep.equal([1])
  })

  it('push() holds back while more than 400 ms wait in the socket, and catches up in order', () => {
    const { uplink, push, sent, socket, warnings } = setUp()
    uplink.open()
    push(1, 1)
    socket.bufferedAmount = 640 * 21
    push(2, 10)
    expect(sent).to.deep.equal([1])
    socket.bufferedAmount = 640 * 20
    push(11, 11)
    expect([sent, uplink.droppedMs, warnings]).to.deep.equal([range(1, 11), 0, []])
  })

  it('push() drops the oldest of a line that is slower than speech, counts it and says so once', () => {
    const { uplink, push, sent, socket, warnings } = setUp()
    uplink.open()
    push(1, 1)
    socket.bufferedAmount = 1e6
    push(2, 51)
    expect(uplink.droppedMs).to.equal(400)
    expect(warnings.map(({ code }) => code)).to.deep.equal(['uplink-congested'])
    socket.bufferedAmount = 0
    push(52, 52)
    expect(sent).to.deep.equal([1, ...range(22, 52)])
  })

  it('push() warns anew where a line that had recovered is too slow again', () => {
    const { uplink, push, socket, warnings } = setUp()
    uplink.open()
    for (let episode = 1; episode <= 2; episode++) {
      socket.bufferedAmount = 0
      push(1, 1)
      socket.bufferedAmount = 1e6
      push(2, 60)
      expect(warnings.length).to.equal(episode)
    }
  })

  it('close() keeps what is said until the next line', () => {
    const { uplink, push, sent } = setUp()
    uplink.open()
    uplink.close()
    push(1, 50)
    expect(sent).to.deep.equal([])
    uplink.open()
    expect(sent).to.deep.equal(range(1, 50))
  })

  it('push() sends the silence of a muted microphone for as long as it lasts', () => {
    const { uplink, push, sent } = setUp()
    uplink.open()
    push(1, 150, true)
    expect(sent.length).to.equal(150)
  })

  it('push() leaves the line to keep-alive messages after two seconds of it, where the provider has them', () => {
    const { uplink, push, sent } = setUp({ keepAlive: true })
    uplink.open()
    push(1, 150, true)
    expect(sent.length).to.equal(100)
    push(151, 152)
    push(153, 153, true)
    expect(sent.slice(100)).to.deep.equal([151, 152, 153])
  })
})
