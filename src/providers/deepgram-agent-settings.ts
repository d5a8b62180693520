import type { AudioEncoding, AudioFormat } from '../audio/audio-format.ts'
import { isObject, type JsonObject, objectField, stringField } from '../util/json.ts'
import type { DeepgramAgentOptions, DeepgramAgentUpdate } from './deepgram-agent-options.ts'
import type { HistoryEntry, SessionContext, ToolDeclaration } from './provider.ts'

/** What is in force: the options, and what was changed since. */
export type Agent = Omit<DeepgramAgentOptions, 'agentId'> &
  Pick<DeepgramAgentUpdate, 'think' | 'speak' | 'listen' | 'instructions' | 'tools'> & {
    readonly agentId?: string
    readonly greeting?: string
  }

const ENCODINGS: Readonly<Record<AudioEncoding, string>> = {
  pcm16: 'linear16',
  mulaw: 'mulaw',
  alaw: 'alaw',
}

/** @returns The format, where the rate depends on the encoding: G.711 is for telephones. */
export function formatOf(encoding: AudioEncoding = 'pcm16', sampleRate: number | undefined, usual: number) {
  return { encoding, sampleRate: sampleRate ?? (encoding === 'pcm16' ? usual : 8000) } satisfies AudioFormat
}

/** @returns The `Settings` message, the only one of its kind on a connection. */
export function settingsOf(
  agent: Agent,
  formats: { readonly input: AudioFormat; readonly output: AudioFormat },
  { history, resumed }: SessionContext,
  signatures: ReadonlyMap<string, string>,
): JsonObject {
  const { agentId, greeting, tags, mipOptOut, history: repeated, settings } = agent
  return {
    type: 'Settings',
    ...(tags && { tags }),
    ...(mipOptOut !== undefined && { mip_opt_out: mipOptOut }),
    ...(repeated !== undefined && { flags: { history: repeated } }),
    ...settings,
    audio: {
      input: wireFormat(formats.input),
      output: { ...wireFormat(formats.output), container: 'none' },
    },
    agent: agentId ?? {
      listen: listenOf(agent),
      think: thinkOf(agent),
      speak: speakOf(agent),
      ...(greeting && !resumed && { greeting }),
      ...(history.length > 0 && {
        context: { messages: history.map((entry) => historyMessage(entry, signatures)) },
      }),
    },
  }
}

/** @returns The `listen` block; Flux must be told apart, or it is not found. */
export function listenOf({ listen = 'nova-3' }: Pick<Agent, 'listen'>): JsonObject {
  const block = isObject(listen) ? listen : { provider: { type: 'deepgram', model: listen } }
  const provider = objectField(block, 'provider')
  if (!isFlux(block) || provider['version'] !== undefined) return block
  return { ...block, provider: { ...provider, version: 'v2' } }
}

/** @returns Whether a `listen` block is heard by Flux, which can be told that a turn is over. */
export function isFlux(block: JsonObject): boolean {
  return stringField(objectField(block, 'provider'), 'model').startsWith('flux-')
}

/** @returns The `think` block or blocks, each with the instructions and the tools. */
export function thinkOf({ think = 'gpt-4o-mini', instructions, tools }: Agent): JsonObject | JsonObject[] {
  const common = {
    ...(instructions !== undefined && { prompt: instructions }),
    ...(tools && tools.length > 0 && { functions: tools.map(functionOf) }),
  }
  if (typeof think === 'string') return { provider: { type: 'open_ai', model: think }, ...common }
  if (isObject(think)) return { ...common, ...think }
  return think.map((block) => ({ ...common, ...block }))
}

/** @returns The `speak` block or blocks. */
export function speakOf({ speak = 'aura-2-thalia-en' }: Pick<Agent, 'speak'>): unknown {
  if (typeof speak !== 'string') return speak
  const version = speak.startsWith('flux-') && { version: 'v2' }
  return { provider: { type: 'deepgram', ...version, model: speak } }
}

function wireFormat({ encoding, sampleRate }: AudioFormat): JsonObject {
  return { encoding: ENCODINGS[encoding], sample_rate: sampleRate }
}

function functionOf({ name, description, parameters, deferUntilEndOfTurn }: ToolDeclaration): JsonObject {
  return {
    name,
    description,
    parameters,
    ...(deferUntilEndOfTurn !== undefined && { defer_until_eot: deferUntilEndOfTurn }),
  }
}

function historyMessage(entry: HistoryEntry, signatures: ReadonlyMap<string, string>): JsonObject {
  if (entry.role !== 'tool') return { type: 'History', role: entry.role, content: entry.text }
  const { callId: id, name, arguments: text, output: response } = entry
  const signature = signatures.get(id)
  return {
    type: 'History',
    function_calls: [
      {
        id,
        name,
        client_side: true,
        arguments: text,
        response,
        ...(signature && { thought_signature: signature }),
      },
    ],
  }
}
