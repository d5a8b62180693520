import { readFileSync, writeFileSync } from 'node:fs'

export { interleave, median, quantile } from './timing.ts'

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
