import { readFileSync } from 'node:fs'

/** The package's version. */
export const VERSION = packageVersion()

function packageVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}
