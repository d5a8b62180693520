import { baseUrl, DEFAULT_URLS } from '../upstreams.ts'

/** The variables that hold providers' keys. */
export const KEY_NAMES = ['OPENAI_API_KEY', 'DEEPGRAM_API_KEY'] as const

/** The providers' keys by the variables' names. */
export type Keys = Readonly<Partial<Record<(typeof KEY_NAMES)[number], string>>>

/** A provider has so long to answer. */
const TIMEOUT_MS = 5000

/** What each provider is asked, which costs nothing. */
const QUESTIONS = {
  OPENAI_API_KEY: {
    provider: 'OpenAI',
    scheme: 'Bearer',
    variable: 'OPENAI_API_URL',
    url: DEFAULT_URLS.openai,
    path: '/v1/models',
  },
  DEEPGRAM_API_KEY: {
    provider: 'Deepgram',
    scheme: 'Token',
    variable: 'DEEPGRAM_API_URL',
    url: DEFAULT_URLS.deepgram,
    path: '/v1/auth/token',
  },
} as const

/**
 * Asks the providers whether they accept keys, at the configured URLs.
 *
 * @param env For the URLs.
 * @returns A line for each key; a key is in none of them.
 */
export function checkKeys(keys: Keys, env: Readonly<Record<string, string | undefined>>): Promise<string[]> {
  const names = KEY_NAMES.filter((name) => keys[name] !== undefined)
  return Promise.all(
    names.map(async (name) => {
      const { provider } = QUESTIONS[name]
      const verdict = await ask(name, keys[name]!, env)
      if (verdict === 'accepted') return `${provider} accepts ${name}`
      if (verdict === 'refused') return `${provider} DOES NOT ACCEPT ${name}: correct it in .env`
      return `${provider} could not be asked whether it accepts ${name}: ${verdict}`
    }),
  )
}

/** @returns What came of it: one of two words, or why nothing did. */
async function ask(
  name: keyof Keys,
  key: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<string> {
  const { scheme, variable, url, path } = QUESTIONS[name]
  const signal = AbortSignal.timeout(TIMEOUT_MS)
  try {
    const response = await fetch(baseUrl(env[variable] || url) + path, {
      headers: { Authorization: `${scheme} ${key}`, 'User-Agent': 'voicewire-relay' },
      redirect: 'manual', // the key goes to the configured host only
      signal,
    })
    response.body?.cancel().catch(() => {}) // what it would have said is of no use
    if (response.ok) return 'accepted'
    return response.status === 401 || response.status === 403 ? 'refused' : `HTTP ${response.status}`
  } catch (error) {
    if (signal.aborted) return `no answer within ${TIMEOUT_MS / 1000} seconds`
    // The messages could quote the URL.
    return error instanceof TypeError && error.cause === undefined
      ? `${variable} is no URL of it`
      : 'it cannot be reached'
  }
}
