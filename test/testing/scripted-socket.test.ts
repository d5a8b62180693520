import { expect } from 'chai'
import { type Received, ScriptedSocket, type SentMessage } from '../../src/testing/scripted-socket.ts'
import { rejection } from '../support/events.ts'

/** What a page hears of a socket, in order. */
function listen(socket: ScriptedSocket): string[] {
  const heard: string[] = []
  for (const type of ['open', 'message', 'error', 'close']) {
    socket.addEventListener(type, (event) => {
      const { code, data } = event as CloseEvent & MessageEvent
      heard.push([type, code, data].filter((part) => part !== undefined).join(' '))
    })
  }
  return heard
}

const create = (protocols: string | string[] = []) => new ScriptedSocket('wss://test.invalid/', protocols)
const nameOf = (make: () => unknown): string => {
  try {
    make()
    return 'nothing'
  } catch (error) {
    return error instanceof DOMException ? error.name : String(error)
  }
}

describe('ScriptedSocket', () => {
  beforeEach(() => ScriptedSocket.reset())

  const refused: [string, string | string[]][] = [
    ['wss://test.invalid/', 'a b'],
    ['wss://test.invalid/', ''],
    ['wss://test.invalid/', ['a', 'a']],
    ['wss://test.invalid/#a', []],
    ['mailto:a@test.invalid', []],
    ['wss://', []],
  ]
  for (const [url, protocols] of refused) {
    it(`constructor() refuses ${url} with ${JSON.stringify(protocols)} as the real one does`, () => {
      expect(nameOf(() => new WebSocket(url, protocols))).to.equal('SyntaxError')
      expect(nameOf(() => new ScriptedSocket(url, protocols))).to.equal('SyntaxError')
      expect(ScriptedSocket.dialled).to.deep.equal([])
    })
  }

  it('constructor() takes a relative address and those of http', () => {
    expect(new ScriptedSocket('/a?b').url).to.equal(`${location.origin.replace(/^http/, 'ws')}/a?b`)
    expect(new ScriptedSocket(new URL('https://test.invalid/')).url).to.equal('wss://test.invalid/')
  })

  it('next() gives the next socket that is dialled, dialled all of them until reset()', async () => {
    create()
    const next = ScriptedSocket.next()
    const second = new ScriptedSocket.asWebSocket('wss://test.invalid/2')
    expect(await next).to.equal(second)
    expect(ScriptedSocket.dialled.map(({ url }) => url)).to.deep.equal([
      'wss://test.invalid/',
      'wss://test.invalid/2',
    ])
    ScriptedSocket.reset()
    expect(ScriptedSocket.dialled).to.deep.equal([])
  })

  it('accept() opens, and selects the first subprotocol or the given one', () => {
    const socket = create(['a', 'b'])
    let target: EventTarget | null = null
    socket.onopen = (event) => {
      target = event.target
    }
    socket.accept()
    expect([target, socket.readyState, socket.protocol]).to.deep.equal([socket, WebSocket.OPEN, 'a'])
    expect(create(['a', 'b']).accept('b').protocol).to.equal('b')
    expect(create().accept().protocol).to.equal('')
  })

  it('accept() of a subprotocol that was not offered fails, as a client refuses it', () => {
    const socket = create(['a'])
    const heard = listen(socket)
    socket.accept('b')
    expect([heard, socket.readyState]).to.deep.equal([['error', 'close 1006'], WebSocket.CLOSED])
  })

  it('refuse() is an error and 1006 without having been open, and nothing once it is', () => {
    const socket = create()
    const heard = listen(socket)
    socket.refuse()
    expect(heard).to.deep.equal(['error', 'close 1006'])
    expect(nameOf(() => create().accept().refuse())).to.equal('InvalidStateError')
  })

  it('say() sends an object as JSON, a string as it is, and bytes in the form of binaryType', async () => {
    const socket = create().accept()
    const heard: unknown[] = []
    socket.onmessage = ({ data }) => heard.push(data)
    socket
      .say({ type: 'a' })
      .say('b')
      .say(new Uint8Array([1, 2]).subarray(1))
    socket.binaryType = 'arraybuffer'
    socket.say(new Int16Array([256]).buffer)
    expect(heard.slice(0, 2)).to.deep.equal(['{"type":"a"}', 'b'])
    expect(heard[2]).to.be.instanceOf(Blob)
    expect(await (heard[2] as Blob).bytes()).to.deep.equal(new Uint8Array([2]))
    expect(new Uint8Array(heard[3] as ArrayBuffer)).to.deep.equal(new Uint8Array([0, 1]))
  })

  it('say() before accept() is a mistake, and is not heard after close()', () => {
    const socket = create()
    expect(nameOf(() => socket.say('a'))).to.equal('InvalidStateError')
    const heard = listen(socket)
    socket.accept().close()
    socket.say('late')
    expect(heard).to.deep.equal(['open'])
  })

  it('send() before open throws, afterwards keeps what was sent as it was then', () => {
    const socket = create()
    expect(nameOf(() => socket.send('a'))).to.equal('InvalidStateError')
    const bytes = new Uint8Array([0, 1, 2])
    socket.accept().send('{"type":"a"}')
    socket.send(bytes.subarray(1))
    bytes.fill(9)
    socket.send('no JSON')
    expect(socket.sent).to.deep.equal(['{"type":"a"}', new Uint8Array([1, 2]), 'no JSON'])
    expect(socket.texts).to.deep.equal([{ type: 'a' }])
  })

  it('send() after close() is counted in bufferedAmount and goes nowhere', () => {
    const socket = create().accept()
    socket.close()
    socket.send('ä')
    expect([socket.sent, socket.bufferedAmount]).to.deep.equal([[], 2])
  })

  it('stalled keeps messages in bufferedAmount until it ends, in order', () => {
    const socket = create().accept()
    socket.stalled = true
    socket.send('abc')
    socket.send(new Uint8Array(5))
    expect([socket.stalled, socket.sent.length, socket.bufferedAmount]).to.deep.equal([true, 0, 8])
    socket.stalled = false
    expect([socket.stalled, socket.sent, socket.bufferedAmount]).to.deep.equal([
      false,
      ['abc', new Uint8Array(5)],
      0,
    ])
  })

  it('close() is answered by the server a moment later, with the same code', async () => {
    const socket = create().accept()
    const closed = new Promise<CloseEvent>((resolve) => {
      socket.onclose = resolve
    })
    socket.close(3001, 'bye')
    expect([socket.readyState, socket.closedWith, socket.closeReason]).to.deep.equal([
      WebSocket.CLOSING,
      3001,
      'bye',
    ])
    const { code, reason, wasClean } = await closed
    expect([code, reason, wasClean, socket.readyState]).to.deep.equal([3001, 'bye', true, WebSocket.CLOSED])
  })

  it('close() without a code is answered with 1005, as the real one is', async () => {
    const socket = create().accept()
    const heard = listen(socket)
    socket.close()
    await new Promise((resolve) => setTimeout(resolve))
    expect([heard, socket.closedWith]).to.deep.equal([['close 1005'], 1000])
  })

  it('close() is not answered where answersClose is false, until drop()', async () => {
    const socket = create().accept()
    const heard = listen(socket)
    socket.answersClose = false
    socket.close()
    await new Promise((resolve) => setTimeout(resolve))
    expect([heard, socket.readyState, socket.closedWith]).to.deep.equal([[], WebSocket.CLOSING, 1000])
    socket.drop(1000)
    expect(heard).to.deep.equal(['close 1000'])
  })

  it('accept() does nothing to a socket that is open already', () => {
    const socket = create(['a', 'b'])
    const heard = listen(socket)
    socket.accept().accept('b')
    expect([heard, socket.protocol]).to.deep.equal([['open'], 'a'])
  })

  it('close() before the server has answered fails, and accept() is then too late', async () => {
    const socket = create()
    const heard = listen(socket)
    socket.close()
    await new Promise((resolve) => setTimeout(resolve))
    socket.accept()
    expect([heard, socket.readyState]).to.deep.equal([['error', 'close 1006'], WebSocket.CLOSED])
  })

  for (const [code, reason, name] of [
    [1001, '', 'InvalidAccessError'],
    [2999, '', 'InvalidAccessError'],
    [5000, '', 'InvalidAccessError'],
    [3000, 'ä'.repeat(62), 'SyntaxError'],
  ] as const) {
    it(`close(${code}) with ${reason.length} letters throws ${name} as the real one does`, () => {
      const real = new WebSocket(`${location.origin.replace(/^http/, 'ws')}/none`)
      expect(nameOf(() => real.close(code, reason))).to.equal(name)
      expect(nameOf(() => create().close(code, reason))).to.equal(name)
      real.close()
    })
  }

  it('drop() with a code is a clean close, once', () => {
    const socket = create().accept()
    const heard = listen(socket)
    socket.drop(4401, 'ticket').drop(1006)
    expect(heard).to.deep.equal(['close 4401'])
  })

  it('whenSent() gives each message once, also one that was sent before', async () => {
    const socket = create().accept()
    socket.send('{"type":"a","n":1}')
    socket.send('{"type":"b"}')
    socket.send('{"type":"a","n":2}')
    const third = [socket.whenSent('a'), socket.whenSent('a'), socket.whenSent('a')]
    socket.send('{"type":"a","n":3}')
    const got = (await Promise.all(third)) as SentMessage[]
    expect(got.map(({ n }) => n)).to.deep.equal([1, 2, 3])
    expect(await socket.whenSent('b')).to.deep.equal({ type: 'b' })
  })

  it('whenSent() with a function waits for anything, such as bytes', async () => {
    const socket = create().accept()
    const bytes = socket.whenSent((message: Received) => message instanceof Uint8Array)
    socket.send('text')
    socket.send(new Uint8Array([7]))
    expect(await bytes).to.deep.equal(new Uint8Array([7]))
    expect(await socket.whenSent((message) => message === 'text')).to.equal('text')
  })

  it('whenSent() rejects when the socket is closed, and says what was sent instead', async () => {
    const socket = create().accept()
    socket.send('{"type":"b"}')
    socket.send(new Uint8Array(1))
    const waiting = rejection(socket.whenSent('a'))
    socket.drop()
    for (const reason of [await waiting, await rejection(socket.whenSent('a'))]) {
      expect((reason as Error).message).to.match(/a must be sent before .*: current value is b, bytes$/)
    }
    expect(await socket.whenSent('b')).to.deep.equal({ type: 'b' })
  })

  it('whenSent() gives up with its signal, and leaves the message to others', async () => {
    const socket = create().accept()
    const abort = new AbortController()
    const waiting = rejection(socket.whenSent('a', { signal: abort.signal }))
    abort.abort('enough')
    expect(await waiting).to.equal('enough')
    socket.send('{"type":"a"}')
    expect(await socket.whenSent('a')).to.deep.equal({ type: 'a' })
  })
})
