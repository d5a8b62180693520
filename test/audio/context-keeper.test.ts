import { expect } from 'chai'
import { ContextKeeper, type ContextKeeperOptions } from '../../src/audio/context-keeper.ts'

const contexts: AudioContext[] = []
const keepers: ContextKeeper[] = []

/** A running context, kept; `asked` counts the calls of `resume`. */
async function setUp(options: Partial<ContextKeeperOptions> = {}) {
  const context = new AudioContext()
  contexts.push(context)
  await context.resume()
  const state = { asked: 0 }
  const resume = context.resume.bind(context)
  context.resume = () => {
    state.asked++
    return resume()
  }
  const codes: string[] = []
  const warned = Promise.withResolvers<void>()
  const keeper = new ContextKeeper(context, {
    onwarning: ({ code }) => {
      codes.push(code)
      warned.resolve()
    },
    ...options,
  })
  keepers.push(keeper)
  return { context, keeper, codes, warned: warned.promise, state }
}

function pretend(context: AudioContext, name: 'state' | 'currentTime', value: unknown): void {
  Object.defineProperty(context, name, { configurable: true, value })
}

/** Has the browser say, as Firefox does, whether it lets contexts begin; @returns what takes that back. */
function pretendPolicy(policy: string): () => void {
  Object.defineProperty(navigator, 'getAutoplayPolicy', { configurable: true, value: () => policy })
  return () => Reflect.deleteProperty(navigator, 'getAutoplayPolicy')
}

function changed(context: AudioContext, state: AudioContextState): Promise<void> {
  return new Promise((resolve) => {
    context.addEventListener('statechange', () => context.state === state && resolve())
  })
}

describe('ContextKeeper', () => {
  afterEach(async () => {
    for (const keeper of keepers.splice(0)) keeper.close()
    for (const context of contexts.splice(0)) await context.close()
  })

  it('resumes a context that was suspended', async () => {
    const { context } = await setUp()
    const suspended = changed(context, 'suspended')
    await context.suspend()
    await suspended
    await changed(context, 'running')
    expect(context.state).to.equal('running')
  })

  for (const event of ['pointerup', 'touchend', 'keydown']) {
    it(`tries again at a gesture (${event}), also one that the page keeps to itself`, async () => {
      const { context, state } = await setUp()
      pretend(context, 'state', 'interrupted')
      document.body.addEventListener(event, (given) => given.stopPropagation(), { once: true })
      document.body.dispatchEvent(new Event(event, { bubbles: true }))
      expect(state.asked).to.equal(1)
    })
  }

  it('tries again when the page is visible again', async () => {
    const { context, state } = await setUp()
    pretend(context, 'state', 'suspended')
    document.dispatchEvent(new Event('visibilitychange'))
    expect(state.asked).to.equal(1)
  })

  it('says that the system interrupts, and does not fight it', async () => {
    const { context, codes, state } = await setUp()
    pretend(context, 'state', 'interrupted')
    context.dispatchEvent(new Event('statechange'))
    expect([codes, state.asked]).to.deep.equal([['audio-interrupted'], 0])
    pretend(context, 'state', 'suspended')
    context.dispatchEvent(new Event('statechange'))
    expect(state.asked).to.equal(1)
  })

  it('says that a context which does not begin to run needs a gesture', async () => {
    const context = new AudioContext()
    contexts.push(context)
    pretend(context, 'state', 'suspended')
    const restore = pretendPolicy('disallowed')
    const code = await new Promise((resolve) => {
      keepers.push(new ContextKeeper(context, { onwarning: (given) => resolve(given.code), patienceMs: 1 }))
    })
    restore()
    expect(code).to.equal('audio-suspended')
  })

  it('asks for no gesture where the browser says that none is needed, but tells of a device that never begins', async () => {
    const restore = pretendPolicy('allowed')
    const { context, codes, warned } = await setUp({ patienceMs: 1, watchMs: 100 })
    pretend(context, 'state', 'suspended')
    pretend(context, 'currentTime', 0)
    await warned
    restore()
    expect(codes).to.deep.equal(['audio-stalled'])
  })

  it('sets a clock going again that stands still while the context says that it runs', async () => {
    const { context, codes, warned } = await setUp({ watchMs: 5 })
    const suspended = changed(context, 'suspended')
    const running = changed(context, 'running')
    pretend(context, 'currentTime', 1)
    await warned
    expect(codes).to.deep.equal(['audio-stalled'])
    await suspended
    await running
  })

  it('leaves a context alone whose clock moves', async () => {
    const { context, codes } = await setUp({ watchMs: 100 })
    const start = context.currentTime
    await new Promise<void>((resolve) => {
      const look = () => (context.currentTime > start + 0.6 ? resolve() : requestAnimationFrame(look))
      look()
    })
    expect(codes).to.deep.equal([])
  })

  it('close() leaves the context to its owner', async () => {
    const { context, keeper, state, codes } = await setUp({ watchMs: 1, patienceMs: 1 })
    keeper.close()
    await context.suspend()
    document.dispatchEvent(new Event('visibilitychange'))
    dispatchEvent(new Event('pointerup'))
    expect([context.state, state.asked, codes]).to.deep.equal(['suspended', 0, []])
  })
})
