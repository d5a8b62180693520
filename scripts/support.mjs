/** Compares what was skipped in a browser, and why, with what docs/support.md says. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from './environment.mjs'

/** A row: where, what is missing, and how many tests are skipped for it. */
const ROW = /^\| (Firefox ESR|WebKitGTK)\s+\| (unit|e2e)\s+\| ([^|]+?)\s+\| (\d+)\s+\|$/gm

/** Each browser, and where its last run left its results. */
const REPORTS = {
  'Firefox ESR': { unit: '.cache/firefox-totals.json', e2e: '.cache/firefox-e2e.tap' },
  WebKitGTK: { unit: '.cache/webkit-totals.json' },
}

/** @returns How many tests each reason skipped in the last run, by `suite: reason`. */
function skipped({ unit, e2e }) {
  const counts = {}
  const count = (suite, reason) => {
    const key = `${suite}: ${reason}`
    counts[key] = (counts[key] ?? 0) + 1
  }
  for (const name of JSON.parse(readFileSync(join(ROOT, unit), 'utf8')).skipped)
    count('unit', /\(needs (.+)\)$/.exec(name)?.[1] ?? name)
  const whole = e2e ? readFileSync(join(ROOT, e2e), 'utf8') : ''
  for (const [, reason] of whole.matchAll(/^ok \d+ - .* # SKIP (.+)$/gm)) count('e2e', reason)
  return counts
}

function documented(browser) {
  const text = readFileSync(join(ROOT, 'docs/support.md'), 'utf8')
  const rows = [...text.matchAll(ROW)].filter(([, where]) => where === browser)
  return Object.fromEntries(rows.map(([, , suite, reason, n]) => [`${suite}: ${reason}`, Number(n)]))
}

/** @returns One line for each difference. */
export function checkSkipped(browser) {
  const [actual, said] = [skipped(REPORTS[browser]), documented(browser)]
  return [...new Set([...Object.keys(actual), ...Object.keys(said)])]
    .filter((key) => actual[key] !== said[key])
    .map(
      (key) =>
        `docs/support.md says that ${browser} skips ${said[key] ?? 0} tests for "${key}": current value is ${actual[key] ?? 0}`,
    )
}
