import { type Provider, VoiceError } from '../../src/index.ts'

/** What of an agent's settings is the provider's; empty and null mean not given. */
export interface ProviderSettings {
  readonly model: string | null
  readonly voice: string | null
  readonly instructions: string | null
  readonly greeting: string | null
  readonly lang: string
}

/** Makes a provider of the settings; what does not apply to it is passed over. */
export type Adapter = (settings: ProviderSettings) => Provider

/** Where each provider's adapter is: a file of its own, so that a page loads the one that it needs. */
const SOURCES: Readonly<Record<string, () => Promise<Adapter>>> = {
  'openai-realtime': openAIRealtime,
  'deepgram-agent': deepgramAgent,
  'deepgram-listen': deepgramListen,
  'deepgram-flux': deepgramFlux,
  openai: openAIRealtime,
  deepgram: deepgramAgent,
}

const ready = new Map<() => Promise<Adapter>, Adapter>()

/** @returns The adapter of a provider where it is there already, else null. */
export function loadedAdapter(provider: string): Adapter | null {
  return ready.get(SOURCES[provider]!) ?? null
}

/**
 * Loads the adapter of a provider, which the browser fetches once; after a failure the next call tries again.
 *
 * @throws {TypeError} If there is no such provider.
 * @throws {VoiceError} `connection-failed`, if its file cannot be had.
 */
export async function loadAdapter(provider: string): Promise<Adapter> {
  const source = Object.hasOwn(SOURCES, provider) && SOURCES[provider]
  if (!source) {
    const names = Object.keys(SOURCES).join(', ')
    throw new TypeError(
      `Cannot start the agent as provider must be one of ${names}: current value is ${provider}`,
    )
  }
  const adapter = await loadPart(`adapter of ${provider}`, source)
  ready.set(source, adapter)
  return adapter
}

/** @throws {VoiceError} `connection-failed`, if the part's file cannot be had. */
export async function loadPart<T>(name: string, source: () => Promise<T>): Promise<T> {
  try {
    return await source()
  } catch (cause) {
    const hint = 'Serve the whole of dist/, and check the network'
    throw new VoiceError('connection-failed', `Cannot load the ${name}`, { hint, cause })
  }
}

async function openAIRealtime(): Promise<Adapter> {
  const { OpenAIRealtime } = await import('../../src/providers/openai-realtime.ts')
  return ({ model, voice, instructions, greeting, lang }) =>
    new OpenAIRealtime({
      ...(instructions && { instructions }),
      ...(greeting && { greeting }),
      ...(model && { model }),
      ...(voice && { voice }),
      // This API takes a language without its region.
      ...(lang && { transcription: { model: 'gpt-4o-mini-transcribe', language: primary(lang) } }),
    })
}

async function deepgramAgent(): Promise<Adapter> {
  const { DeepgramAgent } = await import('../../src/providers/deepgram-agent.ts')
  return ({ model, voice, instructions, greeting, lang }) =>
    new DeepgramAgent({
      ...(instructions && { instructions }),
      ...(greeting && { greeting }),
      ...(model && { think: model }),
      ...(voice && { speak: voice }),
      ...(lang && { listen: { provider: { type: 'deepgram', model: 'nova-3', language: lang } } }),
    })
}

async function deepgramListen(): Promise<Adapter> {
  const { DeepgramListen } = await import('../../src/providers/deepgram-listen.ts')
  return ({ model, lang }) => new DeepgramListen({ ...(model && { model }), ...(lang && { language: lang }) })
}

/** One of its models hears English, the other several languages, of which it is told those to expect. */
async function deepgramFlux(): Promise<Adapter> {
  const { DeepgramFlux } = await import('../../src/providers/deepgram-flux.ts')
  return ({ model, lang }) => {
    const multilingual = lang !== '' && primary(lang) !== 'en'
    return (model ?? (multilingual && 'flux-general-multi')) === 'flux-general-multi'
      ? new DeepgramFlux({ model: 'flux-general-multi', ...(lang && { languageHints: [primary(lang)] }) })
      : new DeepgramFlux({ ...(model && { model: model as 'flux-general-en' }) })
  }
}

/** @returns The language without its region. */
function primary(lang: string): string {
  return lang.split('-')[0]!.toLowerCase()
}
