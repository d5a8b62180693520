import { Refusal } from '../codes.ts'
import type { ProviderPath, Route } from '../relay/routes.ts'
import { isObject, type Json, type JsonObject, pick } from './json.ts'

/**
 * What clients of one path may do. Without a policy bytes pass untouched; with one every message is read, and
 * what is not allowed goes no further.
 */
export interface Policy {
  /**
   * The only model, in the path's query: whoever names none gets it, whoever names another is refused with
   * 403. Not at `/v1/agent/converse`, whose models are in its settings.
   */
  readonly model?: string
  /**
   * What the server sets, and clients can neither change nor read: OpenAI's `session` (`instructions`, `tools`,
   * `audio.output.voice`…); at the Voice Agent the body of `Settings` (`agent.think.prompt`…); for speech to
   * text, parameters of the query. Default: nothing.
   */
  readonly session?: JsonObject
  /** The types of messages that clients may send, `*`: all; default `DEFAULT_MESSAGES`, all that talking needs. */
  readonly messages?: readonly string[]
  /**
   * What clients may configure, as paths: `session.…` in OpenAI's `session.update`, `response.…` in its
   * `response.create`, names of the Voice Agent's `Settings` such as `agent.context`, and parameters of a
   * query. A path allows all that is below it, `*` everything. Default `DEFAULT_FIELDS`: formats of sound. What is not allowed
   * is left out, and the rest goes on.
   */
  readonly fields?: readonly string[]
  /**
   * Whether clients may put messages of the role `system` into OpenAI's conversation, whatever `messages` allows, and
   * other roles than those of user and agent into the Voice Agent's context; default false.
   */
  readonly systemMessages?: boolean
  /** The greatest message of a client, in bytes; default 2 MiB. OpenAI takes up to 15 MiB of sound or pictures. */
  readonly maxMessageBytes?: number
}

/** A policy with every default in its place. */
export type ResolvedPolicy = Required<Omit<Policy, 'model'>> & Pick<Policy, 'model'>

/** One policy a path. */
export type Policies = Partial<Record<ProviderPath, Policy>>

/** What clients may say where a policy does not: all that a conversation needs. */
export const DEFAULT_MESSAGES: Readonly<Record<ProviderPath, readonly string[]>> = {
  '/v1/realtime': [
    'session.update',
    'input_audio_buffer.append',
    'input_audio_buffer.clear',
    'input_audio_buffer.commit',
    'conversation.item.create',
    'conversation.item.delete',
    'conversation.item.retrieve',
    'conversation.item.truncate',
    'response.cancel',
    'response.create',
  ],
  '/v1/agent/converse': [
    'Settings',
    'KeepAlive',
    'InjectUserMessage',
    'ForceEndTurn',
    'FunctionCallResponse',
  ],
  '/v1/listen': ['KeepAlive', 'Finalize', 'CloseStream'],
  '/v2/listen': ['KeepAlive', 'ForceEndTurn', 'CloseStream'],
}

/** What clients may configure where a policy does not say: how they encode their sound, and what was said before. */
export const DEFAULT_FIELDS: Readonly<Record<ProviderPath, readonly string[]>> = {
  '/v1/realtime': ['session.audio.input.format', 'session.audio.output.format', 'response.metadata'],
  '/v1/agent/converse': ['audio', 'flags', 'agent.context'],
  '/v1/listen': ['encoding', 'sample_rate', 'channels', 'interim_results'],
  '/v2/listen': ['encoding', 'sample_rate'],
}

/** What a path without a policy allows, where messages must be read for another reason: everything. */
export const PERMISSIVE: ResolvedPolicy = {
  session: {},
  messages: ['*'],
  fields: ['*'],
  systemMessages: true,
  maxMessageBytes: Number.POSITIVE_INFINITY,
}

const MOST_MESSAGE_BYTES = 2 * 1024 * 1024
const NAMES = new Set(['model', 'session', 'messages', 'fields', 'systemMessages', 'maxMessageBytes'])

/**
 * Fills in the defaults of a path's policy.
 *
 * @throws {TypeError} Where it is not what it must be; nothing of a session is shown.
 */
export function resolvePolicy(path: ProviderPath, policy: Policy): ResolvedPolicy {
  if (!Object.hasOwn(DEFAULT_MESSAGES, path)) {
    throw new TypeError(
      `Cannot use a policy as its path must be one of ${Object.keys(DEFAULT_MESSAGES).join(', ')}`,
    )
  }
  const wrong = Object.keys(policy).find((name) => !NAMES.has(name))
  if (wrong !== undefined) throw mustBe(path, wrong, `one of ${[...NAMES].join(', ')}`)
  const resolved = {
    session: {},
    messages: DEFAULT_MESSAGES[path],
    fields: DEFAULT_FIELDS[path],
    systemMessages: false,
    maxMessageBytes: MOST_MESSAGE_BYTES,
    ...policy,
  }
  if (!isObject(resolved.session)) throw mustBe(path, 'session', 'an object')
  if (!isTexts(resolved.messages)) throw mustBe(path, 'messages', 'a list of types of messages')
  if (!isTexts(resolved.fields)) throw mustBe(path, 'fields', 'a list of paths such as session.audio')
  if (!(resolved.maxMessageBytes > 0)) throw mustBe(path, 'maxMessageBytes', 'more than 0')
  if (policy.model !== undefined && (path === '/v1/agent/converse' || policy.model === '')) {
    throw mustBe(path, 'model', 'a name, and at /v1/agent/converse part of session')
  }
  return resolved
}

function mustBe(path: ProviderPath, name: string, what: string): TypeError {
  return new TypeError(`Cannot use the policy of ${path} as ${name} must be ${what}`)
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((entry) => typeof entry === 'string')
}

/** Whether clients may send messages of a type. */
export function allowsMessage({ messages }: ResolvedPolicy, type: Json | undefined): boolean {
  return messages.includes('*') || (typeof type === 'string' && messages.includes(type))
}

/** Of a configuration what clients may set. */
export function pickFields({ fields }: ResolvedPolicy, asked: JsonObject): JsonObject {
  return fields.includes('*') ? asked : pick(asked, fields)
}

/**
 * What a policy makes of a route: the model is the policy's, and of the query only what is allowed is left.
 *
 * @throws {Refusal} 403 where another model was asked for.
 */
export function restrictRoute(route: Route, { model, session, fields }: ResolvedPolicy): Route {
  if (route.models.some((asked) => model !== undefined && asked !== model)) {
    throw new Refusal(403, 'model_forbidden', 'This model is not available here')
  }
  const asked = [...new URLSearchParams(route.query)]
  const set = route.path.endsWith('/listen') ? queryOf(session) : []
  const fixed: [string, string][] = model === undefined ? set : [['model', model], ...set]
  const isFixed = (name: string) => fixed.some(([own]) => own === name)
  const kept = asked.filter(
    ([name]) => !isFixed(name) && (name === 'model' || fields.includes('*') || fields.includes(name)),
  )
  const query = new URLSearchParams([...fixed, ...kept]).toString()
  return {
    ...route,
    query: query === '' ? '' : `?${query}`,
    models: model === undefined ? route.models : [model],
  }
}

function queryOf(session: JsonObject): [string, string][] {
  return Object.entries(session).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map((one): [string, string] => [name, String(one)]),
  )
}
