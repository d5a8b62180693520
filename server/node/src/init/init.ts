import { randomBytes } from 'node:crypto'
import { open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { isOrigin } from '../origins.ts'
import { STARTER } from './config-template.ts'
import { envFile } from './env-file.ts'
import { ignoreEnvFile } from './gitignore.ts'
import { checkKeys, KEY_NAMES, type Keys } from './key-check.ts'

/** Why nothing was written; the message is one line. */
export class InitError extends Error {
  override readonly name = 'InitError'
}

export interface InitOptions {
  /** Where the files go. */
  readonly folder: string
  /** Variables that are set already go into the file, too. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Origins of the pages; none: the file asks for them. */
  readonly origins: readonly string[]
  /** Whether the providers are asked if they accept the keys. */
  readonly checkKeys: boolean
  /** Takes each line for the person; none holds a secret. */
  readonly say: (line: string) => void
}

const CONFIG_FILE = 'voicewire.config.mjs'

/**
 * Sets a relay up: writes `.env` and a starter of a configuration file, keeps `.env` out of Git, asks the providers
 * whether they accept the keys, and says what to do next.
 *
 * @throws {InitError} Where an origin is none, or a file is there already: then nothing was changed.
 */
export async function init({ folder, env, origins, checkKeys: asks, say }: InitOptions): Promise<void> {
  const wrong = origins.find((origin) => !isOrigin(origin))
  if (wrong !== undefined) {
    throw new InitError(
      `Cannot set up a relay as --origin must be like https://app.example, without a path: current value is ${wrong}`,
    )
  }
  const secret = randomBytes(32).toString('base64url')
  const given = { ...keysIn(env), TICKET_SECRET: secret, ALLOWED_ORIGINS: origins.join(',') }
  await writeNew(folder, { '.env': envFile(given, CONFIG_FILE), [CONFIG_FILE]: STARTER })
  say('Wrote .env, readable by you alone, with a new ticket secret')
  say(`Wrote ${CONFIG_FILE}`)
  if (await ignoreEnvFile(folder)) say('Added .env to .gitignore')
  if (asks) for (const line of await checkKeys(keysIn(env), env)) say(line)
  for (const line of nextSteps(given)) say(line)
}

/** The providers' keys in an environment; what cannot be one is left out. */
function keysIn(env: InitOptions['env']): Keys {
  const entries = KEY_NAMES.flatMap((name) => {
    const key = env[name] ?? ''
    return /^[\x21-\x7e]+$/.test(key) ? [[name, key]] : []
  })
  return Object.fromEntries(entries) as Keys
}

/** Writes all files, or none where one of them is there already. */
async function writeNew(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  const written: string[] = []
  for (const [name, content] of Object.entries(files)) {
    try {
      const file = await open(join(folder, name), 'wx', name === '.env' ? 0o600 : 0o666)
      written.push(name)
      await file.writeFile(content).finally(() => file.close())
    } catch (error) {
      for (const half of written) await rm(join(folder, half))
      const { code } = error as NodeJS.ErrnoException
      const why = code === 'EEXIST' ? 'is there already' : `cannot be written: ${code}`
      throw new InitError(`Cannot set up a relay as ${name} ${why}`)
    }
  }
}

function nextSteps(given: Readonly<Record<string, string | undefined>>): string[] {
  const missing = [
    ...(KEY_NAMES.some((name) => name in given) ? [] : [KEY_NAMES.join(' or ')]),
    ...(given['ALLOWED_ORIGINS'] === '' ? ['ALLOWED_ORIGINS'] : []),
  ]
  return [
    ...(missing.length > 0 ? [`Fill in ${missing.join(' and ')} in .env`] : []),
    `Say in ${CONFIG_FILE} who your users are: in production nobody else gets a ticket`,
    'Then run: npx voicewire-relay --check',
    'And to start it: npx voicewire-relay',
  ]
}
