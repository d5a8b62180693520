import type { AudioFormat } from './audio-format.ts'
import type { PastCall, Tool, Utterance } from './reply.ts'
import { isObject, type JsonObject } from './schema.ts'

/** A function that the agent may call; with an endpoint of its own it is called by the server. */
export interface AgentFunction extends Tool {
  readonly clientSide: boolean
}

/** What a Settings message and the updates after it come to. */
export interface AgentConfig {
  readonly input: AudioFormat
  readonly output: AudioFormat
  /** Whether each utterance begins with a WAV header. */
  readonly wav: boolean
  readonly history: boolean
  readonly greeting: string
  /** Who speaks: the next one where one fails. At least one. */
  readonly voices: readonly AgentVoice[]
  /** Who thinks: the next one where one fails. At least one. */
  readonly minds: readonly AgentMind[]
  readonly listen: AgentListening
  /** The conversation that the client brings along. */
  readonly context: { readonly history: readonly Utterance[]; readonly calls: readonly PastCall[] }
}

/** One `speak` block. */
export interface AgentVoice {
  readonly voice: string
  readonly speed: number
}

/** One `think` block. */
export interface AgentMind {
  readonly prompt: string
  readonly functions: readonly AgentFunction[]
}

/** What a `listen` block asks for. */
export interface AgentListening {
  /** Whether Flux listens, which alone can be told that a turn is over. */
  readonly flux: boolean
  /** The languages that are hinted at where any may be spoken; `null` where only one can be. */
  readonly hints: readonly string[] | null
}

/** Encodings that can be understood and spoken here. */
const PLAIN = ['linear16', 'linear32', 'mulaw', 'alaw']

/** Thrown for what is valid and yet beyond an emulator; `code` is Deepgram's for the case. */
export class UnsupportedSettings extends Error {
  readonly code: 'USER_AUDIO_FORMAT' | 'INVALID_SETTINGS'

  constructor(code: UnsupportedSettings['code'], message: string) {
    super(message)
    this.code = code
  }
}

/**
 * Reads a valid Settings message.
 *
 * @throws {UnsupportedSettings} If sound would be compressed.
 */
export function readSettings(settings: JsonObject, agent: JsonObject): AgentConfig {
  const audio = settings['audio'] as { input?: JsonObject; output?: JsonObject }
  const output = audio.output ?? {}
  const flags = (settings['flags'] ?? {}) as { history?: boolean }
  return {
    input: inputFormat(audio.input ?? {}),
    output: outputFormat(output),
    wav: output['container'] === 'wav',
    history: flags.history ?? true,
    greeting: String(agent['greeting'] ?? ''),
    context: contextOf(agent['context']),
    listen: readListen(agent['listen']),
    voices: readSpeak(agent['speak']),
    minds: readThink(agent['think']),
  }
}

/** The voices of a `speak` block or a chain of them. */
export function readSpeak(speak: unknown): AgentVoice[] {
  return chainOf(speak).map((block) => {
    const provider = isObject(block['provider']) ? block['provider'] : { model: 'flux-kit-en' }
    const voice = provider['type'] === 'open_ai' ? provider['voice'] : provider['model']
    return { voice: String(voice ?? 'aura-2-thalia-en'), speed: Number(provider['speed'] ?? 1) }
  })
}

/** The prompts and the functions of a `think` block or a chain of them. */
export function readThink(think: unknown): AgentMind[] {
  return chainOf(think).map(readMind)
}

function readMind(block: JsonObject): AgentMind {
  const functions = Array.isArray(block['functions']) ? block['functions'].filter(isObject) : []
  return {
    prompt: String(block['prompt'] ?? ''),
    functions: functions.map(({ name, description, parameters, endpoint }) => ({
      name: String(name),
      description: String(description ?? ''),
      parameters: isObject(parameters) ? parameters : {},
      clientSide: endpoint === undefined,
    })),
  }
}

/** What a `listen` block asks for. */
export function readListen(listen: unknown): AgentListening {
  const provider = isObject(listen) && isObject(listen['provider']) ? listen['provider'] : {}
  const hints = provider['language_hints'] ?? provider['language_hint'] ?? []
  const multi = provider['model'] === 'flux-general-multi'
  return { flux: provider['version'] === 'v2', hints: multi ? [hints].flat().map(String) : null }
}

function inputFormat({ encoding = 'linear16', sample_rate = 24000 }: JsonObject): AudioFormat {
  if (PLAIN.includes(String(encoding))) return { encoding, sampleRate: sample_rate } as AudioFormat
  throw new UnsupportedSettings('USER_AUDIO_FORMAT', `The emulator does not decode ${encoding}`)
}

function outputFormat({ encoding = 'linear16', sample_rate, container }: JsonObject): AudioFormat {
  if (!PLAIN.includes(String(encoding)) || container === 'ogg') {
    throw new UnsupportedSettings(
      'INVALID_SETTINGS',
      `The emulator does not write ${encoding} in ${container}`,
    )
  }
  const rate = sample_rate ?? (encoding === 'linear16' ? 24000 : 8000)
  return { encoding, sampleRate: rate } as AudioFormat
}

function contextOf(context: unknown): AgentConfig['context'] {
  const messages = isObject(context) && Array.isArray(context['messages']) ? context['messages'] : []
  return {
    history: messages
      .filter((message) => typeof message.content === 'string')
      .map(({ role, content }) => ({ role, text: content })),
    calls: messages.flatMap((message) => (message.function_calls ?? []).map(pastCallOf)),
  }
}

/** A call as a `History` message tells it. */
export function pastCallOf({ name, arguments: given, response }: JsonObject): PastCall {
  return { name: String(name), arguments: String(given), output: String(response) }
}

/** The members of a chain; one that is left out is one of defaults. */
function chainOf(block: unknown): JsonObject[] {
  const chain = Array.isArray(block) ? block.filter(isObject) : isObject(block) ? [block] : []
  return chain.length > 0 ? chain : [{}]
}
