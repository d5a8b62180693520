import { readFile } from 'node:fs/promises'
import { extname, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { z } from 'zod'
import type { Configuration } from './config-schema.ts'
import { ConfigurationError } from './configuration-error.ts'
import type { RelayOptions } from './options.ts'
import { VARIABLES } from './variables.ts'

/** What a configuration file holds: any option of a relay, and how it listens. Keys may be left to the environment. */
export type FileOptions = Omit<Partial<RelayOptions>, 'openai' | 'deepgram'> &
  Partial<Omit<Configuration, 'relay'>> & {
    readonly openai?: Partial<RelayOptions['openai']>
    readonly deepgram?: Partial<RelayOptions['deepgram']>
  }

/** A configuration file that was read, and whose fields have the right types. */
export interface ConfigurationFile {
  /** As given: for messages. */
  readonly path: string
  readonly options: FileOptions
}

type Fields = Record<string, unknown>

const text = z.string('text')
const flag = z.boolean('true or false')
const number = z.number('a number')
const origins = z.custom<string[]>(isTexts, 'a list of origins')
const record = z.custom<object>(isRecord, 'an object')
const callable = z.custom<() => unknown>((value) => typeof value === 'function', 'a function')
const having = (...methods: string[]) =>
  z.custom<object>(
    (value) => isObject(value) && methods.every((name) => typeof (value as Fields)[name] === 'function'),
    `an object with ${methods.join(' and ')}`,
  )

/** Every field, and what type it must be; what is inside an object is checked by whoever uses it. */
const FIELDS = {
  host: text,
  port: number,
  drainSeconds: number,
  logLevel: text,
  openai: record,
  deepgram: record,
  allowedOrigins: origins,
  tickets: record,
  authenticate: callable,
  open: z.union([z.boolean(), z.literal('force')], 'true, false or "force"'),
  production: flag,
  prefix: text,
  trustedProxies: number,
  tokenDurationMs: number,
  tokens: record,
  policy: record,
  tools: z.custom<object[]>((value) => Array.isArray(value) && value.every(isRecord), 'a list of tools'),
  budgets: record,
  adminToken: text,
  redis: record,
  state: having('close'),
  metrics: record,
  tracing: flag,
  tracer: having('startSpan'),
  functions: z.custom<object>(isFunctions, 'an object of functions'),
  functionTimeoutMs: number,
  usedTickets: having('has', 'use'),
  rateLimit: number,
  maxConnections: number,
  maxConnectionsPerIp: number,
  maxConnectionsPerUser: number,
  heartbeatMs: number,
  inactivityMs: number,
  maxSessionSeconds: number,
  connectTimeoutMs: number,
  stallMs: number,
  maxMessageBytes: number,
  maxFragments: number,
  maxEarlyBytes: number,
  maxBytesPerSecond: number,
  maxSlowedMs: number,
  logger: having('info', 'warn'),
} satisfies Record<keyof Required<FileOptions>, z.ZodType>

const schema = z.strictObject(FIELDS).partial()

/**
 * Reads a configuration file: a module (`.mjs`, `.js`) whose default export holds the options, or JSON.
 *
 * @param path Absolute, or relative to the working directory.
 * @throws {ConfigurationError} Where it cannot be read or a field is wrong. The message names file and field, and
 * shows no value, as that may be a secret.
 */
export async function readConfigurationFile(path: string): Promise<ConfigurationFile> {
  const content = extname(path) === '.json' ? await readJson(path) : await importModule(path)
  const result = schema.safeParse(content)
  if (!result.success) throw wrongField(path, content, result.error.issues[0]!)
  return { path, options: content as FileOptions }
}

/**
 * What a file says that variables say too, as those would.
 *
 * @returns Names of variables and their text.
 */
export function variablesIn(options: FileOptions): Record<string, string> {
  const found = Object.entries(VARIABLES).flatMap(([name, { option }]) => {
    const value = option === null ? undefined : at(options, option.split('.'))
    return value === undefined ? [] : [[name, asVariable(name, value)]]
  })
  return Object.fromEntries(found)
}

/** The file's options, with others in their place where both have one; objects are taken field by field. */
export function overlay(file: FileOptions, options: RelayOptions): RelayOptions {
  const { host: _host, port: _port, drainSeconds: _drain, logLevel: _level, ...relay } = file
  return merge(relay, options) as Fields & RelayOptions
}

function merge(below: object, above: object): Fields {
  const merged: Fields = { ...below }
  for (const [name, value] of Object.entries(above)) {
    const own = merged[name]
    merged[name] = isRecord(own) && isRecord(value) ? merge(own, value) : value
  }
  return merged
}

async function readJson(path: string): Promise<unknown> {
  const json = await readFile(path, 'utf8').catch((error: unknown) => {
    throw unusable(path, 'a file that can be read', error)
  })
  try {
    return JSON.parse(json)
  } catch (error) {
    throw unusable(path, 'JSON', error) // the parser's message would quote the file
  }
}

async function importModule(path: string): Promise<unknown> {
  if (!['.js', '.mjs'].includes(extname(path))) {
    throw unusable(path, 'a file named .mjs, .js or .json', null)
  }
  const module = await import(pathToFileURL(resolve(path)).href).catch((error: unknown) => {
    throw unusable(path, 'a module that loads without an error', error)
  })
  return (module as Fields)['default']
}

/** Only the error's code or name, and where in the file it was: its message could quote a secret. */
function unusable(path: string, what: string, error: unknown): ConfigurationError {
  const { code, name, stack = '' }: NodeJS.ErrnoException = error instanceof Error ? error : new Error()
  const line = /^\d+/.exec(stack.split(`${pathToFileURL(resolve(path)).href}:`)[1] ?? '')?.[0]
  const place = line === undefined ? '' : ` in line ${line}`
  const why = error === null ? '' : `, ${code ?? name}${place}`
  return new ConfigurationError(
    `Cannot start the relay as the configuration must be ${what}: current value is ${path}${why}`,
  )
}

function wrongField(path: string, content: unknown, issue: z.core.$ZodIssue): ConfigurationError {
  const unknown = issue.code === 'unrecognized_keys' ? issue.keys[0] : undefined
  if (unknown !== undefined) {
    return new ConfigurationError(`Cannot start the relay as ${path} has an unknown field: ${unknown}`)
  }
  const [field] = issue.path
  const name = field === undefined ? 'the default export' : String(field)
  const value = field === undefined ? content : (content as Fields)[name]
  const wanted = field === undefined ? 'an object of options' : issue.message
  return new ConfigurationError(
    `Cannot start the relay as ${name} in ${path} must be ${wanted}: current value is ${typeName(value)}`,
  )
}

function typeName(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  if (Array.isArray(value)) return 'a list'
  return `${typeof value === 'object' ? 'an' : 'a'} ${typeof value}`
}

function at(value: unknown, [name, ...rest]: readonly string[]): unknown {
  if (name === undefined) return value
  return isObject(value) && Object.hasOwn(value, name) ? at((value as Fields)[name], rest) : undefined
}

function asVariable(name: string, value: unknown): string {
  if (name === 'NODE_ENV') return value === true ? 'production' : 'development'
  // An object is none of these; and `String` fails on one whose `toString` is no function.
  return typeof value === 'object' && !isTexts(value) ? 'an object' : String(value) // a list of origins with commas
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((entry) => typeof entry === 'string')
}

function isFunctions(value: unknown): boolean {
  return isRecord(value) && Object.values(value).every((entry) => typeof entry === 'function')
}

/** Whether it is an object written with braces, rather than a list or one of a class. */
function isRecord(value: unknown): value is object {
  if (!isObject(value)) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}
