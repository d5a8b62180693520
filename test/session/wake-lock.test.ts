import { expect } from 'chai'
import { WakeLock } from '../../src/session/wake-lock.ts'

/** A browser's own locks need a window in front, which a test's is not always. */
function replaceWakeLock(request: () => Promise<WakeLockSentinel>): void {
  Object.defineProperty(navigator, 'wakeLock', { configurable: true, value: { request } })
}

class Sentinel {
  released = false
  async release(): Promise<void> {
    this.released = true
  }
}

const locks: WakeLock[] = []

function lock(): { lock: WakeLock; codes: string[]; warned: Promise<void> } {
  const codes: string[] = []
  const warned = Promise.withResolvers<void>()
  const wakeLock = new WakeLock(({ code }) => {
    codes.push(code)
    warned.resolve()
  })
  locks.push(wakeLock)
  return { lock: wakeLock, codes, warned: warned.promise }
}

const flush = () => new Promise<void>((resolve) => queueMicrotask(() => queueMicrotask(resolve)))

describe('WakeLock', () => {
  let sentinels: Sentinel[]

  beforeEach(() => {
    sentinels = []
    replaceWakeLock(async () => {
      const sentinel = new Sentinel()
      sentinels.push(sentinel)
      return sentinel as unknown as WakeLockSentinel
    })
  })

  afterEach(() => {
    for (const given of locks.splice(0)) given.close()
    Reflect.deleteProperty(navigator, 'wakeLock')
  })

  it('takes a lock, and takes it again when the page is visible again', async () => {
    lock()
    await flush()
    document.dispatchEvent(new Event('visibilitychange'))
    await flush()
    expect(sentinels.length).to.equal(1)
    await sentinels[0]!.release()
    document.dispatchEvent(new Event('visibilitychange'))
    await flush()
    expect(sentinels.map(({ released }) => released)).to.deep.equal([true, false])
  })

  it('close() releases it, and takes no other', async () => {
    const { lock: given } = lock()
    await flush()
    given.close()
    document.dispatchEvent(new Event('visibilitychange'))
    await flush()
    expect(sentinels.map(({ released }) => released)).to.deep.equal([true])
  })

  it('close() while the lock is asked for releases it when it comes', async () => {
    lock().lock.close()
    await flush()
    await flush()
    expect(sentinels.map(({ released }) => released)).to.deep.equal([true])
  })

  it('warns where it is refused, and where there is none', async () => {
    replaceWakeLock(() => Promise.reject(new DOMException('Low battery', 'NotAllowedError')))
    const refused = lock()
    await refused.warned
    Object.defineProperty(navigator, 'wakeLock', { configurable: true, value: undefined })
    const missing = lock()
    await missing.warned
    expect([...refused.codes, ...missing.codes]).to.deep.equal(['wake-lock-refused', 'wake-lock-refused'])
  })
})
