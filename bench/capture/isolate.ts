import { setTimeout as sleep } from 'node:timers/promises'
import type { CDPSession, Page } from 'playwright'

/** Sends a command of the DevTools protocol to one heap. */
type Send = (method: string) => Promise<unknown>

/** One JavaScript heap, of a page or of a worklet, as DevTools see it. */
export class Isolate {
  readonly #send: Send

  constructor(send: Send) {
    this.#send = send
  }

  static async ofPage(page: Page): Promise<Isolate> {
    const session = await page.context().newCDPSession(page)
    return new Isolate((method) => session.send(method as 'Runtime.getHeapUsage'))
  }

  /** @returns The heap of the one AudioWorklet of the page. */
  static async ofWorklet(page: Page): Promise<Isolate> {
    const session = await page.context().newCDPSession(page)
    const attached = new Promise<string>((resolve) => {
      session.on('Target.attachedToTarget', ({ sessionId }) => resolve(sessionId))
    })
    await session.send('Target.setAutoAttach', {
      autoAttach: true,
      waitForDebuggerOnStart: false,
      flatten: false,
    })
    return new Isolate(sender(session, await attached))
  }

  /** @returns The bytes in use once garbage is collected, and how many bytes a second of garbage come after that. */
  async look(): Promise<{ bytes: number; garbage: number }> {
    await this.#send('HeapProfiler.collectGarbage')
    const bytes = await this.#used()
    const start = performance.now()
    await sleep(1000)
    const later = await this.#used()
    return { bytes, garbage: ((later - bytes) / (performance.now() - start)) * 1000 }
  }

  async #used(): Promise<number> {
    const { usedSize } = (await this.#send('Runtime.getHeapUsage')) as { usedSize: number }
    return usedSize
  }
}

/** A worklet is spoken to through its page, in messages that carry messages. */
function sender(session: CDPSession, sessionId: string): Send {
  const waiting = new Map<number, (result: unknown) => void>()
  session.on('Target.receivedMessageFromTarget', ({ message }) => {
    const { id, result } = JSON.parse(message) as { id: number; result: unknown }
    waiting.get(id)?.(result)
    waiting.delete(id)
  })
  let id = 0
  return async (method) => {
    id++
    const message = JSON.stringify({ id, method })
    const answer = new Promise((resolve) => waiting.set(id, resolve))
    await session.send('Target.sendMessageToTarget', { sessionId, message })
    return answer
  }
}
