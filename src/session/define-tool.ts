import type { ToolDeclaration } from '../providers/provider.ts'
import type { JsonObject } from '../util/json.ts'

/** What is wrong with one part of an input, in the words of Standard Schema. */
export interface StandardIssue {
  readonly message: string
  /** Where, from the outside in; absent for the whole. */
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

/** What Standard Schema makes of an input: the value to go on with, or what is wrong with it. */
export type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly StandardIssue[] }

/**
 * The parts of Standard Schema and Standard JSON Schema that a tool needs; Zod 4.2, ArkType 2.1.28 and
 * Valibot 1.2 (by `toStandardJsonSchema`) have both.
 *
 * @see https://standardschema.dev
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
    readonly jsonSchema?: {
      readonly input: (options: { readonly target: 'draft-2020-12' }) => JsonObject
    }
  }
}

/** A validator, the JSON Schema of an object, or nothing for a tool without input. */
export type ToolParameters = StandardSchema | JsonObject | undefined

/** What a handler gets: the validator's output; with a JSON Schema alone, an object that has what is `required`. */
export type ToolInput<P extends ToolParameters> = P extends StandardSchema
  ? NonNullable<P['~standard']['types']>['output']
  : P extends JsonObject
    ? JsonObject
    : undefined

/** The call that a handler answers. */
export interface ToolContext {
  readonly callId: string
  readonly name: string
  /** Aborted when the call is withdrawn, takes too long, or the connection is gone: the answer is then dropped. */
  readonly signal: AbortSignal
}

/** A server of yours that runs a tool. */
export interface ToolEndpoint {
  readonly url: string | URL
  readonly headers?: Readonly<Record<string, string>>
  /** Default `same-origin`. */
  readonly credentials?: RequestCredentials
  /** Default the global `fetch`. */
  readonly fetch?: typeof fetch
}

interface ToolBase<P extends ToolParameters> {
  /** What the model calls it by: 1…64 letters, digits, `_` and `-`. */
  readonly name: string
  /** What it does and when to use it; the model reads nothing else. */
  readonly description: string
  /** Default: no input. */
  readonly parameters?: P
  /** What the model is told of the input, where the validator cannot tell or should not. */
  readonly jsonSchema?: JsonObject
  /** How long the handler may take, in ms; default 30 000. Time in `approve` does not count. */
  readonly timeoutMs?: number
  /** Asked before the handler runs, such as the user; anything but `true` declines the call. */
  readonly approve?: (call: ToolContext & { readonly input: ToolInput<P> }) => boolean | Promise<boolean>
  /** Where a provider may call ahead of the end of the user's turn: whether it must not. */
  readonly deferUntilEndOfTurn?: boolean
}

/** A tool as its author writes it: what the model is told, and what answers. */
export type ToolDefinition<P extends ToolParameters = undefined> = ToolBase<P> &
  (
    | {
        /** @returns The answer, now or later: a string as it is, nothing as an empty one, all else as JSON. */
        readonly handler: (input: ToolInput<P>, context: ToolContext) => unknown
        readonly endpoint?: never
      }
    | {
        /** Is sent `{ callId, name, arguments }` as JSON by POST; the text of a 2xx response is the answer. */
        readonly endpoint: string | URL | ToolEndpoint
        readonly handler?: never
      }
  )

/** A tool as a session takes it; `defineTool` makes one. */
export interface Tool {
  readonly declaration: ToolDeclaration
  readonly definition: ToolBase<StandardSchema | JsonObject> & {
    readonly handler?: (input: unknown, context: ToolContext) => unknown
    readonly endpoint?: string | URL | ToolEndpoint
    readonly timeoutMs: number
  }
}

/**
 * Describes something that the model may call during a conversation.
 *
 * @throws {TypeError} If the model could not be told of it, or nothing would answer.
 */
export function defineTool<P extends ToolParameters = undefined>(definition: ToolDefinition<P>): Tool {
  const { name, description, handler, endpoint, timeoutMs = 30_000, deferUntilEndOfTurn } = definition
  const demand = (ok: boolean, rule: string, value: unknown): void => {
    if (!ok) throw new TypeError(`Cannot define tool ${name} as ${rule}: current value is ${value}`)
  }
  demand(/^[\w-]{1,64}$/.test(name ?? ''), 'name must be 1 to 64 of a-z, A-Z, 0-9, _ and -', name)
  demand(/\S/.test(description ?? ''), 'description must say what it does', description)
  const answers = endpoint ? !handler : typeof handler === 'function'
  demand(answers, 'it must have a handler or an endpoint', endpoint ? 'both' : typeof handler)
  // A timer that is to wait longer runs out at once.
  demand(timeoutMs > 0 && timeoutMs < 2 ** 31, 'timeoutMs must be in 1…2147483647', timeoutMs)
  // What the validator's type was is no longer known; the runner hands over what the validator gave.
  const tool = { ...definition, timeoutMs } as Tool['definition']
  let { jsonSchema, parameters = { type: 'object', properties: {} } } = tool
  let reason: unknown
  try {
    jsonSchema ??= isStandard(parameters)
      ? parameters['~standard'].jsonSchema?.input({ target: 'draft-2020-12' })
      : parameters
  } catch (error) {
    // Not every type has words in JSON Schema.
    reason = error
  }
  const { $schema, ...schema } = jsonSchema ?? {}
  const { type = reason } = schema
  demand(type === 'object', 'jsonSchema must be given or parameters have one, of an object', type)
  return {
    declaration: {
      name,
      description,
      parameters: schema,
      ...(deferUntilEndOfTurn !== undefined && { deferUntilEndOfTurn }),
    },
    definition: tool,
  }
}

/** @returns Whether it validates; those of ArkType are functions. */
export function isStandard(parameters: StandardSchema | JsonObject): parameters is StandardSchema {
  return '~standard' in Object(parameters)
}
