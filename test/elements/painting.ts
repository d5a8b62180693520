import type { VoiceSession } from '../../src/index.ts'

interface PaintCounter {
  readonly count: () => number
  /** Resolved after a paint that is not counted. */
  readonly next: () => Promise<unknown>
  /** Resolved when there was a paint, or none, from one frame to the next. */
  readonly painted: (painted: boolean) => Promise<void>
  readonly [Symbol.dispose]: () => void
}

/** Counts the paints that are asked for while it lives. */
export function countPaints(): PaintCounter {
  const original = globalThis.requestAnimationFrame
  let paints = 0
  globalThis.requestAnimationFrame = (callback) => {
    paints++
    return original(callback)
  }
  const next = (): Promise<unknown> => new Promise((resolve) => original(resolve))
  return {
    count: () => paints,
    next,
    painted: async (painted) => {
      for (;;) {
        const before = paints
        await next()
        await next()
        if (paints > before === painted) return
      }
    },
    [Symbol.dispose]: () => {
      globalThis.requestAnimationFrame = original
    },
  }
}

/** Gives a session levels, which may change. */
export function withLevels(
  session: VoiceSession,
  levels: { inputLevel: number; outputLevel: number },
): VoiceSession {
  for (const name of ['inputLevel', 'outputLevel'] as const) {
    Object.defineProperty(session, name, { get: () => levels[name] })
  }
  return session
}
