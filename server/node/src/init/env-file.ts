import { type Environment, schema } from '../config-schema.ts'
import { VARIABLES } from '../variables.ts'

type Name = keyof Environment

/** What has to be filled in before anything runs; all else is a comment. */
const NEEDED: readonly string[] = ['OPENAI_API_KEY', 'DEEPGRAM_API_KEY', 'ALLOWED_ORIGINS', 'TICKET_SECRET']

/**
 * A `.env` with every variable, what it is for, and its default.
 *
 * @param given Values to fill in.
 * @param configFile The configuration file that is to be read, too.
 */
export function envFile(
  given: Readonly<Partial<Record<Name, string | undefined>>>,
  configFile: string,
): string {
  const names = Object.keys(VARIABLES) as Name[]
  const blocks = names.map((name) => {
    const line = `${name}=${quoted(given[name] ?? defaultOf(name))}`
    return `# ${VARIABLES[name].about}\n${NEEDED.includes(name) ? line : `# ${line}`}`
  })
  return `${[HEAD, `# Options that take code\nVOICEWIRE_CONFIG=${configFile}`, ...blocks].join('\n\n')}\n`
}

const HEAD = `# How voicewire-relay runs. It holds secrets: keep it out of version control.
# At least one key is needed. A line that begins with "# NAME=" shows a default; an empty value counts as missing.`

/** As text; '' where there is none. */
function defaultOf(name: Name): string {
  const { data } = schema.shape[name].safeParse(undefined)
  return data === undefined ? '' : String(data)
}

/** In quotes that the value does not hold, where it holds anything that would end it. */
function quoted(value: string): string {
  if (!/[#'"`\\ ]/.test(value)) return value
  const quote = ["'", '"', '`'].find((mark) => !value.includes(mark))
  return quote === undefined ? '' : quote + value + quote
}
