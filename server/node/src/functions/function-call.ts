import type { IncomingMessage } from 'node:http'
import { z } from 'zod'
import { Refusal } from '../codes.ts'
import { readJsonBody, textField } from '../token-service/json-body.ts'
import type { FunctionContext, ServerFunction } from './options.ts'

/** As the browser's side allows for an answer, and more than a model writes. */
const MOST_BODY_BYTES = 64 * 1024

/** A call as it was asked for. */
export interface FunctionCall {
  readonly id: string
  readonly name: string
  readonly args: Readonly<Record<string, unknown>>
}

const callRequest = z
  .object({ id: textField(128), name: textField(128), arguments: z.unknown().optional() })
  .transform(({ id, name, arguments: given }, context): FunctionCall => {
    const args = argumentsOf(given)
    if (args !== null) return { id, name, args }
    context.addIssue({ code: 'custom', path: ['arguments'] })
    return z.NEVER
  })

/**
 * Reads a call: `{ id, name, arguments }`, of at most 64 KiB; `arguments` is an object or its JSON text.
 *
 * @throws {Refusal} 400, 413 or 415; the message names the field, and quotes nothing.
 */
export function readFunctionCall(request: IncomingMessage): Promise<FunctionCall> {
  return readJsonBody(request, callRequest, MOST_BODY_BYTES)
}

/**
 * Runs a function.
 *
 * @param timeoutMs How long it may take.
 * @returns What the model is to read.
 * @throws {Refusal} 504 where it takes too long.
 * @throws Whatever the function throws, and where what it returns cannot be JSON.
 */
export async function runFunction(
  run: ServerFunction,
  args: FunctionCall['args'],
  { timeoutMs, ...context }: FunctionContext & { readonly timeoutMs: number },
): Promise<string> {
  const timeout = Promise.withResolvers<never>()
  const late = new AbortController()
  const timer = setTimeout(() => {
    late.abort()
    timeout.reject(new Refusal(504, 'function_timeout', 'The function took too long'))
  }, timeoutMs)
  const signal = AbortSignal.any([context.signal, late.signal])
  try {
    const answer = (async () => run(args, { ...context, signal }))()
    return textOf(await Promise.race([answer, timeout.promise]))
  } finally {
    clearTimeout(timer)
  }
}

function textOf(result: unknown): string {
  if (typeof result === 'string') return result
  if (result === undefined) return ''
  const text: string | undefined = JSON.stringify(result)
  if (text === undefined) throw new TypeError('Cannot answer a call as the result must be JSON')
  return text
}

/** Providers give a JSON text, pages an object; nothing counts as no arguments. @returns null where it is neither. */
function argumentsOf(given: unknown): FunctionCall['args'] | null {
  if (given === undefined || given === '') return {}
  const value = typeof given === 'string' ? parseText(given) : given
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : null
}

/** @returns What is in the text; where it is no JSON, the text, which is no arguments either. */
function parseText(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text // whoever asked says what is wrong, in words that quote nothing
  }
}
