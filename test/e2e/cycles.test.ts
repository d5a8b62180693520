import assert from 'node:assert/strict'
import { after, before, type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { type Browser, type CDPSession, chromium, type Page } from 'playwright'
import type { VoiceAgent } from '../../elements/index.ts'
import { chromiumOptions } from '../support/chromium.mjs'
import { type Stack, startStack } from '../support/stack.ts'

const CYCLES = 200
/** What is loaded, compiled and cached once is so after these. */
const WARM_UP = 20

/**
 * What may be more at the end than after warming up. One leaked object of any kind a cycle would be 200 more; a
 * collector that has not yet met the objects of the last cycle or two leaves a handful. The heap also holds
 * code that was compiled and statistics on it: 1 MB is 5 KB a cycle, which is less than an element takes.
 */
const MARGINS: Readonly<Record<string, number>> = { JSEventListeners: 20, Nodes: 100, JSHeapUsedSize: 1e6 }

/** What the page holds open: counted in the page, as no metric of the browser tells. */
interface Held {
  readonly contexts: number
  readonly sockets: number
  readonly tracks: number
}

let stack: Stack
let browser: Browser

before(async () => {
  const args = ['--autoplay-policy=no-user-gesture-required', '--js-flags=--expose-gc']
  browser = await chromium.launch(chromiumOptions({ args }))
  stack = await startStack()
})
after(async () => {
  await browser.close()
  await stack.close()
})

/** Runs in the page before all else: holds what it counts weakly, so that it keeps nothing alive itself. */
function countHeld(): void {
  const made: { of: keyof Held; what: WeakRef<object>; isOpen: (what: never) => boolean }[] = []
  const watch = <T extends object>(of: keyof Held, what: T, isOpen: (what: T) => boolean): T => {
    made.push({ of, what: new WeakRef(what), isOpen })
    return what
  }
  globalThis.AudioContext = new Proxy(AudioContext, {
    construct: (target, given) =>
      watch('contexts', Reflect.construct(target, given) as AudioContext, ({ state }) => state !== 'closed'),
  })
  globalThis.WebSocket = new Proxy(WebSocket, {
    construct: (target, given) =>
      watch('sockets', Reflect.construct(target, given) as WebSocket, ({ readyState }) => readyState < 3),
  })
  const { mediaDevices } = navigator
  const original = mediaDevices.getUserMedia.bind(mediaDevices)
  mediaDevices.getUserMedia = async (constraints) => {
    const stream = await original(constraints)
    for (const track of stream.getTracks()) {
      watch('tracks', track, ({ readyState }) => readyState === 'live')
    }
    return stream
  }
  Object.assign(globalThis, {
    held() {
      const counts = { contexts: 0, sockets: 0, tracks: 0 }
      for (const { of, what, isOpen } of made) {
        const one = what.deref()
        if (one && isOpen(one as never)) counts[of]++
      }
      return counts
    },
  })
}

/** What the browser counts, after its collectors have run. */
async function metrics(cdp: CDPSession): Promise<Map<string, number>> {
  for (let i = 0; i < 3; i++) await cdp.send('HeapProfiler.collectGarbage')
  const all = await cdp.send('Performance.getMetrics')
  return new Map(all.metrics.map(({ name, value }) => [name, value]))
}

async function heldNothing(page: Page): Promise<void> {
  const nothing = { contexts: 0, sockets: 0, tracks: 0 }
  // A socket says that it is closed when the other end has answered.
  for (const end = Date.now() + 3000; Date.now() < end; await delay(20)) {
    const held = (await page.evaluate('held()')) as Held
    if (!held.contexts && !held.sockets && !held.tracks) break
  }
  assert.deepEqual(await page.evaluate('held()'), nothing)
}

/** Repeats something in a page, and fails where that leaves more behind than chance does. */
async function repeat(t: TestContext, cycles: (count: number) => Promise<void>): Promise<void> {
  const page = await browser.newPage()
  await page.addInitScript(countHeld)
  await page.goto(`${stack.url}/agent.html`)
  const cdp = await page.context().newCDPSession(page)
  await cdp.send('Performance.enable')
  await page.evaluate(
    ({ proxyEndpoint, key }) => {
      const settings = { tokenEndpoint: null, proxyEndpoint, getToken: () => key }
      Object.assign(globalThis, { setUp: (agent: VoiceAgent) => Object.assign(agent, settings) })
      document.querySelector('voice-agent')?.removeAttribute('greeting')
    },
    { proxyEndpoint: stack.emulator.url, key: stack.keys.openai },
  )
  await page.evaluate(cycles, WARM_UP)
  await heldNothing(page)
  const before = await metrics(cdp)
  await page.evaluate(cycles, CYCLES)
  await heldNothing(page)
  const now = await metrics(cdp)
  await page.close()
  const grown = Object.keys(MARGINS).map(
    (name) => [name, (now.get(name) ?? 0) - (before.get(name) ?? 0)] as const,
  )
  t.diagnostic(`more after ${CYCLES} cycles: ${grown.map((one) => one.join(' ')).join(', ')}`)
  const leaks = grown.filter(([name, more]) => more > (MARGINS[name] ?? 0))
  assert.deepEqual(leaks, [])
}

test('inserting and removing an element 200 times leaves nothing', { timeout: 60_000 }, (t) =>
  repeat(t, async (count) => {
    for (let i = 0; i < count; i++) {
      const agent = document.createElement('voice-agent') as VoiceAgent
      document.body.append(agent)
      await agent.updateComplete
      agent.remove()
    }
  }),
)

test('starting and removing a new element 200 times leaves nothing', { timeout: 120_000 }, (t) =>
  repeat(t, async (count) => {
    const { setUp } = globalThis as unknown as { setUp(agent: VoiceAgent): VoiceAgent }
    for (let i = 0; i < count; i++) {
      const agent = setUp(document.createElement('voice-agent') as VoiceAgent)
      document.body.append(agent)
      await agent.start()
      agent.remove()
      await agent.stop()
    }
  }),
)

test('starting and stopping one element 200 times leaves nothing', { timeout: 120_000 }, (t) =>
  repeat(t, async (count) => {
    const { setUp } = globalThis as unknown as { setUp(agent: VoiceAgent): VoiceAgent }
    const agent = setUp(document.querySelector('voice-agent') as VoiceAgent)
    for (let i = 0; i < count; i++) {
      await agent.start()
      await agent.stop()
    }
  }),
)

test('a test that can fail: elements that are left behind are found', { timeout: 60_000 }, async (t) => {
  const leak = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      const agent = document.createElement('voice-agent') as VoiceAgent
      document.body.append(agent)
      await agent.updateComplete
    }
  }
  await assert.rejects(repeat(t, leak), /JSEventListeners/)
})
