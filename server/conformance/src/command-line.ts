import { parseArgs } from 'node:util'
import { type JudgeOptions, type Profile, readVariables, UsageError, type Variables } from './settings.ts'

/** What the command was told to do. */
export type Command =
  | { readonly name: 'help' | 'version' | 'list' }
  | {
      readonly name: 'print-env'
      readonly profile: Profile
      readonly upstreamPort: number
      readonly port: number
    }
  | { readonly name: 'judge'; readonly options: JudgeOptions; readonly json: string | null }

/** What `--help` prints. */
export const HELP = `Usage: voicewire-conformance --relay ws://HOST:PORT --upstream-port N [options]
       voicewire-conformance --print-env full|minimal [--upstream-port N] [--port N]
       voicewire-conformance --list

Judges a relay that is running and that dials its provider at ws://127.0.0.1:N, where the suite itself listens.
Exits with 0 where the relay passed, 1 where it failed, and 2 where it could not be judged.

  --profile full|minimal       all of PROTOCOL.md (default), or what a simple proxy can pass
  --config FILE                what the relay was started with: lines NAME=value as --print-env prints them, or JSON
  --ticket-secret-env NAME     the variable of this process that holds the secret of tickets; or --ticket-secret S
  --issuer I, --audience A     of tickets; default voicewire, voicewire-relay
  --token T                    what to show where there is no secret (minimal profile)
  --prefix PATH                where the relay is mounted
  --origin ORIGIN              an origin that is allowed; can be given several times
  --metrics-token-env NAME     the variable that holds the bearer of /metrics
  --service-key KEY            a bearer by which the token service knows a user; or --service-key-env NAME
  --pid N                      the relay's process, to be sent SIGTERM in the end
  --only ID,ID                 rules, topics (handshake) or requirements (R-HAND-1)
  --slow                       also judge what takes more than a minute
  --json FILE                  write a report
  --list                       all rules, and what cannot be judged from outside
  --version, --help`

const FLAGS = {
  relay: { type: 'string' },
  'upstream-port': { type: 'string' },
  'upstream-host': { type: 'string' },
  profile: { type: 'string' },
  config: { type: 'string' },
  'ticket-secret': { type: 'string' },
  'ticket-secret-env': { type: 'string' },
  issuer: { type: 'string' },
  audience: { type: 'string' },
  token: { type: 'string' },
  prefix: { type: 'string' },
  origin: { type: 'string', multiple: true },
  'metrics-token-env': { type: 'string' },
  'service-key': { type: 'string' },
  'service-key-env': { type: 'string' },
  pid: { type: 'string' },
  only: { type: 'string', multiple: true },
  slow: { type: 'boolean' },
  json: { type: 'string' },
  'print-env': { type: 'string' },
  port: { type: 'string' },
  list: { type: 'boolean' },
  version: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const

type Environment = Readonly<Record<string, string | undefined>>

/**
 * Reads the command's arguments.
 *
 * @param args Without the program's own name.
 * @throws {UsageError} Where one is unknown, missing or wrong.
 */
export function readCommandLine(args: readonly string[], env: Environment): Command {
  const values = parse(args)
  if (values.help === true) return { name: 'help' }
  if (values.version === true) return { name: 'version' }
  if (values.list === true) return { name: 'list' }
  const upstreamPort = numberOf('upstream-port', values['upstream-port'] ?? '9100')
  if (values['print-env'] !== undefined) {
    const port = numberOf('port', values.port ?? '8080')
    return { name: 'print-env', profile: profileOf(values['print-env']), upstreamPort, port }
  }
  if (values.relay === undefined) throw new UsageError('Cannot judge a relay as --relay must be given')
  const options: JudgeOptions = {
    relay: values.relay,
    upstreamPort,
    upstreamHost: values['upstream-host'],
    profile: profileOf(values.profile ?? 'full'),
    variables: variablesOf(values, env),
    token: values.token,
    serviceKey: values['service-key'] ?? fromEnvironment(env, values['service-key-env']),
    only: values.only?.flatMap((names) => names.split(',')).map((name) => name.trim()),
    slow: values.slow,
    pid: values.pid === undefined ? undefined : numberOf('pid', values.pid, 2 ** 31),
  }
  return { name: 'judge', options, json: values.json ?? null }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: FLAGS, allowPositionals: false }).values
  } catch (error) {
    const [line = ''] = error instanceof Error ? error.message.split(/[\n.]/) : []
    throw new UsageError(`${line}: see voicewire-conformance --help`)
  }
}

/** What the file says, under what the flags say. */
function variablesOf(values: ReturnType<typeof parse>, env: Environment): Variables {
  const given: Record<string, string | undefined> = {
    TICKET_SECRET: values['ticket-secret'] ?? fromEnvironment(env, values['ticket-secret-env']),
    METRICS_TOKEN: fromEnvironment(env, values['metrics-token-env']),
    TICKET_ISSUER: values.issuer,
    TICKET_AUDIENCE: values.audience,
    RELAY_PREFIX: values.prefix,
    ALLOWED_ORIGINS: values.origin?.join(','),
  }
  const said = Object.entries(given).filter((entry): entry is [string, string] => entry[1] !== undefined)
  return { ...(values.config !== undefined && readVariables(values.config)), ...Object.fromEntries(said) }
}

/** @throws {UsageError} Where the variable is not set. */
function fromEnvironment(env: Environment, name: string | undefined): string | undefined {
  if (name === undefined) return undefined
  const value = env[name]
  if (value !== undefined && value !== '') return value
  throw new UsageError(`Cannot judge a relay as the variable ${name} must be set: current value is empty`)
}

function profileOf(text: string): Profile {
  if (text === 'full' || text === 'minimal') return text
  throw new UsageError(
    `Cannot judge a relay as the profile must be full or minimal: current value is ${text}`,
  )
}

function numberOf(flag: string, text: string, most = 65535): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= 1 && value <= most) return value
  throw new UsageError(
    `Cannot judge a relay as --${flag} must be a number from 1 to ${most}: current value is ${text}`,
  )
}
