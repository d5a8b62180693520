/** The level that a quiet room has, and that of a loud voice. */
const QUIET = 0.3
const LOUD = 0.85

/** @returns A session's level with what speech never is taken away on both sides: 0…1. */
export function loudness(level: number): number {
  return Math.min(1, Math.max(0, (level - QUIET) / (LOUD - QUIET)))
}
