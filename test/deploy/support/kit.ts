import { existsSync, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parse, parseAllDocuments } from 'yaml'
import { pythonEnvironment } from '../../../scripts/python.mjs'

/** Of the repository. */
export const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
/** The deployment kit. */
export const KIT = join(ROOT, 'deploy')

/** A file of the repository, by its path. */
export function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8')
}

/** A YAML file of the kit. */
// biome-ignore lint/suspicious/noExplicitAny: a test reads whatever stands there
export function readYaml(path: string): any {
  return parse(read(`deploy/${path}`))
}

/** What several YAML documents say. */
// biome-ignore lint/suspicious/noExplicitAny: a test reads whatever stands there
export function parseDocuments(text: string): any[] {
  return parseAllDocuments(text).map((document) => document.toJS())
}

/** A service of the compose file. */
export interface Service {
  readonly command?: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  readonly volumes?: readonly string[]
  readonly stop_grace_period?: string
}

/** The services of the compose file, by name. */
export function readServices(): Record<string, Service> {
  return readYaml('compose.yaml').services
}

/** `5m`, `45s` or `100ms` in seconds. */
export function secondsOf(duration: string): number {
  const [, amount, unit = ''] = /^(\d+)(ms|s|m)$/.exec(duration) ?? []
  const seconds = { ms: 0.001, s: 1, m: 60 }[unit]
  if (seconds === undefined) throw new TypeError(`${duration} is no duration`)
  return Number(amount) * seconds
}

/** Debian has some programs where a user who is not root does not look. */
export const PATH = `${process.env['PATH']}${delimiter}/usr/sbin${delimiter}/usr/local/sbin`

/** Why a test is left out that starts a program, false where it is there. On CI it fails rather than be left out. */
export function without(program: string): string | false {
  if (process.env['CI'] || PATH.split(delimiter).some((folder) => existsSync(join(folder, program))))
    return false
  return `${program} was not found: "npm test -- deploy" says how to install it`
}

const python = pythonEnvironment('deploy')

/** The path of a checking program in Python's packages. */
export const checker = python.program

/** Why it cannot be used, false where it can. */
export const withoutCheckers = (!process.env['CI'] && python.missing) || false
