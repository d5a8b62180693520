import { table } from '../support/report.ts'

/** A figure beside what it should be. */
export interface Judged {
  readonly figure: string
  readonly value: string
  readonly goal: string
  /** null: cannot be said, as others needed the machine meanwhile. */
  readonly met: boolean | null
}

export interface JudgeOptions {
  readonly most: number
  /** How the value and the most are written. */
  readonly show: (value: number) => string
  /** Whether it was measured while others left the machine alone; default true. */
  readonly calm?: boolean
}

/** Judges a number by the most that it may be. */
export function atMost(figure: string, value: number, { most, show, calm = true }: JudgeOptions): Judged {
  return { figure, value: show(value), goal: `≤ ${show(most)}`, met: calm ? value <= most : null }
}

/** A table of figures, each with ✓, ✗, or ? where that cannot be said. */
export function goalTable(judged: readonly Judged[]): string {
  return table([
    ['', 'Voicewire', 'goal', ''],
    ...judged.map(({ figure, value, goal, met }) => [
      figure,
      value,
      goal,
      met === null ? '?' : met ? '✓' : '✗',
    ]),
  ])
}

export const times = (ratio: number) => `${ratio.toFixed(2)} ×`
export const micros = (ms: number) => `${(ms * 1000).toFixed(0)} µs`
export const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`
export const percent = (share: number) => `${(share * 100).toFixed(0)} %`
