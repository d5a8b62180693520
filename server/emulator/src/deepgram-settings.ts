import type { AudioFormat } from './audio-format.ts'
import type { Tool, Utterance } from './reply.ts'
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
  readonly voice: string
  readonly speed: number
  readonly prompt: string
  readonly functions: readonly AgentFunction[]
  /** Whether Flux listens, which alone can be told that a turn is over. */
  readonly flux: boolean
  readonly context: readonly Utterance[]
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
    flux: isFlux(agent['listen']),
    ...readSpeak(agent['speak']),
    ...readThink(agent['think']),
  }
}

/** The voice of a `speak` block; the first of a chain, which is the one that is used. */
export function readSpeak(speak: unknown): Pick<AgentConfig, 'voice' | 'speed'> {
  const first = firstOf(speak)
  const provider = isObject(first['provider']) ? first['provider'] : { model: 'flux-kit-en' }
  const voice = provider['type'] === 'open_ai' ? provider['voice'] : provider['model']
  return { voice: String(voice ?? 'aura-2-thalia-en'), speed: Number(provider['speed'] ?? 1) }
}

/** The prompt and the functions of a `think` block. */
export function readThink(think: unknown): Pick<AgentConfig, 'prompt' | 'functions'> {
  const first = firstOf(think)
  const functions = Array.isArray(first['functions']) ? first['functions'].filter(isObject) : []
  return {
    prompt: String(first['prompt'] ?? ''),
    functions: functions.map(({ name, description, parameters, endpoint }) => ({
      name: String(name),
      description: String(description ?? ''),
      parameters: isObject(parameters) ? parameters : {},
      clientSide: endpoint === undefined,
    })),
  }
}

/** Whether a `listen` block asks for Flux. */
export function isFlux(listen: unknown): boolean {
  const provider = isObject(listen) && isObject(listen['provider']) ? listen['provider'] : {}
  return provider['version'] === 'v2'
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

function contextOf(context: unknown): Utterance[] {
  const messages = isObject(context) && Array.isArray(context['messages']) ? context['messages'] : []
  return messages
    .filter((message) => typeof message.content === 'string')
    .map(({ role, content }) => ({ role, text: content }))
}

function firstOf(block: unknown): JsonObject {
  const first = Array.isArray(block) ? block[0] : block
  return isObject(first) ? first : {}
}
