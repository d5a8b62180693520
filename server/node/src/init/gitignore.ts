import { appendFile, readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Lines that keep `.env` out, whatever else they do. */
const COVERING = new Set(['.env', '/.env', '.env*', '/.env*', '*.env', '**/.env'])

/**
 * Adds `.env` to a folder's `.gitignore`, where there is one that does not keep it out.
 *
 * @returns Whether it was added.
 */
export async function ignoreEnvFile(folder: string): Promise<boolean> {
  const path = join(folder, '.gitignore')
  const text = await readFile(path, 'utf8').catch(() => null) // there is none, or none for us
  if (text === null || text.split(/\r?\n/).some((line) => COVERING.has(line.trim()))) return false
  await appendFile(path, text === '' || text.endsWith('\n') ? '.env\n' : '\n.env\n')
  return true
}
