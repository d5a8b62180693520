import type { Verdict } from './judge.ts'
import type { Profile } from './settings.ts'
import { VERSION } from './version.ts'

/** What `--json` writes. */
export interface Report {
  /** Of this package. */
  readonly version: string
  readonly profile: Profile
  readonly passed: number
  readonly failed: number
  readonly warnings: number
  readonly skipped: number
  readonly rules: readonly Verdict[]
  /** What became of each requirement that a rule was about. */
  readonly requirements: Readonly<Record<string, 'passed' | 'failed' | 'not judged'>>
}

const MARKS = { pass: 'pass', fail: 'FAIL', warning: 'warn', skipped: 'skip' } as const

/** Counts verdicts, and says what they mean for the requirements. */
export function reportOf(verdicts: readonly Verdict[], profile: Profile): Report {
  const count = (result: Verdict['result']) => verdicts.filter((verdict) => verdict.result === result).length
  const requirements: Record<string, 'passed' | 'failed' | 'not judged'> = {}
  for (const { proves, result } of verdicts) {
    for (const id of proves) {
      if (result === 'fail') requirements[id] = 'failed'
      else if (result === 'skipped') requirements[id] ??= 'not judged'
      else if (requirements[id] !== 'failed') requirements[id] = 'passed'
    }
  }
  return {
    version: VERSION,
    profile,
    passed: count('pass'),
    failed: count('fail'),
    warnings: count('warning'),
    skipped: count('skipped'),
    rules: verdicts,
    requirements,
  }
}

/** A report as lines for a terminal: a line a rule, and below it what was seen. */
export function table({ rules, passed, failed, warnings, skipped }: Report): string {
  const widest = Math.max(0, ...rules.map(({ id }) => id.length))
  const lines = rules.flatMap(({ id, title, proves, result, seen }) => [
    `${MARKS[result]}  ${id.padEnd(widest)}  ${title} (${proves.join(', ')})`,
    ...(seen === '' ? [] : [`      ${' '.repeat(widest)}${oneLine(seen)}`]),
  ])
  const sum = `${passed} passed, ${failed} failed, ${warnings} warnings, ${skipped} skipped`
  return [...lines, '', sum].join('\n')
}

function oneLine(text: string): string {
  // What a relay said may hold anything, also what moves a terminal's cursor.
  return text.replace(/\p{Cc}+/gu, ' ')
}
