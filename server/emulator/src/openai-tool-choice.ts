import { functionTools } from './openai-config.ts'
import { argumentsFor, type ToolCall } from './reply.ts'
import { isObject, type JsonObject } from './schema.ts'

/** What an answer may call. */
export interface ToolRules {
  readonly tools: readonly JsonObject[]
  /** `tool_choice` of the session or the response. */
  readonly choice: unknown
  /** Whether one answer may make several calls. */
  readonly parallel: boolean
}

/**
 * The calls that the rules leave of those an answer would make: none where tools are forbidden, one at least
 * where they are required, the one that is asked for by name, and no second one where calls must not be parallel.
 *
 * @param text What the user said, for the arguments of a call that only the rules ask for.
 */
export function allowedCalls(
  calls: readonly ToolCall[],
  { rules: { tools, choice, parallel }, text }: { rules: ToolRules; text: string },
): readonly ToolCall[] {
  if (choice === 'none') return []
  const named = isObject(choice) && choice['type'] === 'function' ? choice['name'] : null
  const fitting = named === null ? calls : calls.filter(({ name }) => name === named)
  const needed = fitting.length === 0 && (named !== null || choice === 'required')
  const tool = functionTools(tools).find(({ name }) => named === null || name === named)
  const all = needed && tool ? [{ name: tool.name, arguments: argumentsFor(tool.parameters, text) }] : fitting
  return parallel ? all : all.slice(0, 1)
}
