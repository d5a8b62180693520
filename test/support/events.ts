import type { VoiceEventMap, VoiceEventName, VoiceSession } from '../../src/index.ts'

/** @returns The next event of that name, or the next for which `where` holds. */
export function next<K extends VoiceEventName>(
  session: VoiceSession,
  name: K,
  where: (payload: VoiceEventMap[K]) => boolean = () => true,
): Promise<VoiceEventMap[K]> {
  return new Promise((resolve) => {
    const unbind = session.on(name, (payload) => {
      if (!where(payload)) return
      unbind()
      resolve(payload)
    })
  })
}

/** @returns What a promise was rejected with. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise
  } catch (reason) {
    return reason
  }
  throw new Error('Expected a rejection')
}

/** Time in which something could happen that must not; what must happen is awaited by its event. */
export function aMoment(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** Resolves as soon as a condition holds that has no event of its own. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => requestAnimationFrame(resolve))
}
