import { readFileSync, writeFileSync } from 'node:fs'

const README = new URL('../README.md', import.meta.url)

/** @returns A Markdown table with its columns in line; the first row is the head. */
export function table(rows: readonly (readonly (string | number)[])[]): string {
  const [head = [], ...body] = rows
  const widths = head.map((_, column) => Math.max(3, ...rows.map((row) => `${row[column]}`.length)))
  const dashes = widths.map((width) => '-'.repeat(width))
  const line = (row: readonly (string | number)[]) =>
    `| ${row.map((cell, column) => `${cell}`.padEnd(widths[column] ?? 0)).join(' | ')} |`
  return [head, dashes, ...body].map(line).join('\n')
}

/** Puts a part's figures between its two marks in README.md, in place of those of the run before. */
export function publish(name: string, section: string): void {
  const begin = `<!-- ${name}: figures -->`
  const end = `<!-- ${name}: end -->`
  const text = readFileSync(README, 'utf8')
  const from = text.indexOf(begin)
  const to = text.indexOf(end)
  if (from < 0 || to < from)
    throw new Error(`Cannot publish as bench/README.md must have ${begin} and ${end}`)
  writeFileSync(README, `${text.slice(0, from + begin.length)}\n\n${section.trim()}\n\n${text.slice(to)}`)
}

/** @returns The value below which the fraction `q` (0…1) of all values lies; NaN for none. */
export function quantile(values: Iterable<number>, q: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (sorted.length - 1) * q
  const low = sorted[Math.floor(at)] ?? Number.NaN
  const high = sorted[Math.ceil(at)] ?? Number.NaN
  return low + (high - low) * (at - Math.floor(at))
}

export function median(values: Iterable<number>): number {
  return quantile(values, 0.5)
}

/**
 * Times functions beside one another: each in turn in every round, so that a noisy machine is noisy for all.
 *
 * @param rounds How many times each is timed.
 * @returns The median of each, in ms, in the order given.
 */
export function interleave(rounds: number, functions: readonly (() => void)[]): number[] {
  const times = functions.map((): number[] => [])
  for (let round = 0; round < rounds; round++) {
    for (const [i, run] of functions.entries()) {
      const start = performance.now()
      run()
      times[i]?.push(performance.now() - start)
    }
  }
  return times.map(median)
}
