import { table } from '../support/report.ts'

/** A figure beside what it should be. */
export interface Judged {
  readonly figure: string
  readonly value: string
  readonly goal: string
  readonly met: boolean
}

/** Judges a number by the most that it may be. @param show How both are written. */
export function atMost(figure: string, value: number, most: number, show: (value: number) => string): Judged {
  return { figure, value: show(value), goal: `≤ ${show(most)}`, met: value <= most }
}

/** A table of figures, each with ✓ or ✗. */
export function goalTable(judged: readonly Judged[]): string {
  return table([
    ['', 'Voicewire', 'goal', ''],
    ...judged.map(({ figure, value, goal, met }) => [figure, value, goal, met ? '✓' : '✗']),
  ])
}

export const times = (ratio: number) => `${ratio.toFixed(2)} ×`
export const micros = (ms: number) => `${(ms * 1000).toFixed(0)} µs`
export const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`
export const percent = (share: number) => `${(share * 100).toFixed(0)} %`
