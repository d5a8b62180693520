import { parseArgs } from 'node:util'

/** What the command was told to do. */
export type Command =
  | { readonly name: 'help' | 'version' }
  | { readonly name: 'serve' | 'check'; readonly config: string | null }
  | { readonly name: 'init'; readonly origins: readonly string[]; readonly checkKeys: boolean }

/** What `--help` prints. */
export const HELP = `Usage: voicewire-relay [--config FILE] [--check]
       voicewire-relay init [--origin ORIGIN]… [--no-check-keys]

Relays WebSockets between browsers and voice providers. It is configured by environment variables, by the file
.env in the working directory, and by a configuration file; the first that says something counts.

  --config FILE     options as the default export of a .mjs or .js file, or as .json; or VOICEWIRE_CONFIG
  --check           say whether the configuration is right and what would run, and exit with 0 or 78
  --version, --help

init writes .env and voicewire.config.mjs into the working directory, and never over a file that is there.

  --origin ORIGIN   where your pages come from, such as https://app.example; can be given several times
  --no-check-keys   do not ask the providers whether they accept the keys in the environment`

/** The arguments are wrong; the message is one line. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

const FLAGS = {
  config: { type: 'string' },
  check: { type: 'boolean' },
  version: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  origin: { type: 'string', multiple: true },
  'no-check-keys': { type: 'boolean' },
} as const

/** What only `init` understands, and what it does not. */
const OF_INIT = ['origin', 'no-check-keys'] as const
const NOT_OF_INIT = ['config', 'check'] as const

/**
 * Reads the command's arguments.
 *
 * @param args Without the program's own name.
 * @throws {UsageError} Where one is unknown or out of place.
 */
export function readCommandLine(args: readonly string[]): Command {
  const { values, positionals } = parse(args)
  if (values.help === true) return { name: 'help' }
  if (values.version === true) return { name: 'version' }
  const [name, ...rest] = positionals
  if ((name !== undefined && name !== 'init') || rest.length > 0) {
    throw new UsageError(`Cannot understand ${name === 'init' ? rest[0] : name}: see voicewire-relay --help`)
  }
  const misplaced = (name === 'init' ? NOT_OF_INIT : OF_INIT).find((flag) => values[flag] !== undefined)
  if (misplaced !== undefined) {
    throw new UsageError(`Cannot use --${misplaced} ${name === 'init' ? 'with' : 'without'} init`)
  }
  if (name === 'init') {
    return { name, origins: values.origin ?? [], checkKeys: values['no-check-keys'] !== true }
  }
  return { name: values.check === true ? 'check' : 'serve', config: values.config ?? null }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: FLAGS, allowPositionals: true })
  } catch (error) {
    const [line = ''] = error instanceof Error ? error.message.split(/[\n.]/) : []
    throw new UsageError(`${line}: see voicewire-relay --help`)
  }
}
