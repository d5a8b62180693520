/** Compares what was skipped in Firefox, and why, with what docs/support.md says. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from './environment.mjs'

/** A row: what is missing, and how many tests are skipped for it. */
const ROW = /^\| Firefox ESR \| (unit|e2e)\s+\| ([^|]+?)\s+\| (\d+)\s+\|$/gm

/** @returns How many tests each reason skipped in the last run, by `suite: reason`. */
function skipped() {
  const counts = {}
  const count = (suite, reason) => {
    const key = `${suite}: ${reason}`
    counts[key] = (counts[key] ?? 0) + 1
  }
  const unit = JSON.parse(readFileSync(join(ROOT, '.cache/firefox-totals.json'), 'utf8'))
  for (const name of unit.skipped) count('unit', /\(needs (.+)\)$/.exec(name)?.[1] ?? name)
  const whole = readFileSync(join(ROOT, '.cache/firefox-e2e.tap'), 'utf8')
  for (const [, reason] of whole.matchAll(/^ok \d+ - .* # SKIP (.+)$/gm)) count('e2e', reason)
  return counts
}

function documented() {
  const text = readFileSync(join(ROOT, 'docs/support.md'), 'utf8')
  return Object.fromEntries(
    [...text.matchAll(ROW)].map(([, suite, reason, n]) => [`${suite}: ${reason}`, Number(n)]),
  )
}

/** @returns One line for each difference. */
export function checkSkipped() {
  const [actual, said] = [skipped(), documented()]
  return [...new Set([...Object.keys(actual), ...Object.keys(said)])]
    .filter((key) => actual[key] !== said[key])
    .map(
      (key) =>
        `docs/support.md says that Firefox skips ${said[key] ?? 0} tests for "${key}": current value is ${actual[key] ?? 0}`,
    )
}
