import type { Json, JsonObject } from './json.ts'

/** What a tool knows of the session that calls it. */
export interface ToolContext {
  /** Of the call, by the provider. */
  readonly id: string
  /** Of the session, as in the log. */
  readonly sessionId: string
  /** The application's id of the user; null where nobody knows. */
  readonly user: string | null
  /** Whatever tools want to remember for as long as the connection lives; each connection has its own. */
  readonly state: Map<string, unknown>
  /** Aborted where the call is cancelled, takes too long, or the session ends. */
  readonly signal: AbortSignal
}

/** A function that the agent may call and that runs here: no client sees that it exists. */
export interface ServerTool {
  /** 1…64 letters, digits, `_` and `-`. */
  readonly name: string
  readonly description: string
  /** JSON Schema of the arguments; default: none. */
  readonly parameters?: JsonObject
  /** For one call, in ms; default 20,000. */
  readonly timeoutMs?: number
  /**
   * Runs one call.
   *
   * @param args As the model wrote them: they fit `parameters` as far as the model keeps to it.
   * @returns What the model is told: a text as it is, all else as JSON. Where it throws, the model is told that
   * the tool failed, and nothing else.
   */
  run(args: JsonObject, context: ToolContext): Promise<unknown> | unknown
}

/**
 * Checks that every tool has a name of its own, and a time-out that can be kept.
 *
 * @throws {TypeError} Where one has not.
 */
export function checkTools(tools: readonly ServerTool[]): void {
  const names = new Set<string>()
  for (const { name, run, timeoutMs = MOST_MS } of tools) {
    if (!/^[\w-]{1,64}$/.test(name) || typeof run !== 'function') {
      throw new TypeError(
        `Cannot use a tool as it must have a name of 1…64 letters, digits, _ and -, and run()`,
      )
    }
    // A longer timer of the platform fires at once.
    if (!(timeoutMs >= 1 && timeoutMs <= MOST_TIMER_MS)) {
      throw new TypeError(
        `Cannot use a tool as its timeoutMs must be in 1…${MOST_TIMER_MS}: current value is ${timeoutMs}`,
      )
    }
    if (names.has(name)) throw new TypeError(`Cannot use two tools with one name: current value is ${name}`)
    names.add(name)
  }
}

/** How a tool is declared to a model. */
export function declaration({ name, description, parameters }: ServerTool): JsonObject {
  return { name, description, parameters: parameters ?? { type: 'object', properties: {} } }
}

const MOST_MS = 20_000
const MOST_TIMER_MS = 2 ** 31 - 1
const FAILED = JSON.stringify({ error: 'The tool failed' })

export interface ToolCall {
  readonly id: string
  readonly name: string
  /** A JSON text, as the model wrote it. */
  readonly arguments: string
}

export interface ToolRunnerOptions {
  readonly tools: readonly ServerTool[]
  readonly sessionId: string
  readonly user: string | null
  /** Told of every call that failed, with nothing of its content. */
  readonly onFailure: (tool: string, error: string) => void
}

/** Runs the tools of one connection. */
export class ToolRunner {
  readonly #options: ToolRunnerOptions
  readonly #tools: ReadonlyMap<string, ServerTool>
  readonly #running = new Map<string, AbortController>()
  readonly #state = new Map<string, unknown>()
  #stopped = false

  constructor(options: ToolRunnerOptions) {
    this.#options = options
    this.#tools = new Map(options.tools.map((tool) => [tool.name, tool]))
  }

  /** Whether a tool of this name runs here. */
  has(name: Json | undefined): boolean {
    return typeof name === 'string' && this.#tools.has(name)
  }

  /** How the tools are declared to a model. */
  get declarations(): JsonObject[] {
    return [...this.#tools.values()].map(declaration)
  }

  /** Runs one call. @returns What the model is told; null where the call was cancelled, or came after `stop`. */
  async run(call: ToolCall): Promise<string | null> {
    if (this.#stopped) return null // the provider speaks on until it has closed, and nobody is left to act for
    const tool = this.#tools.get(call.name)!
    const abort = new AbortController()
    const timer = setTimeout(() => abort.abort(new Error('timeout')), tool.timeoutMs ?? MOST_MS)
    this.#running.set(call.id, abort)
    try {
      return await Promise.race([this.#result(tool, call, abort.signal), aborted(abort.signal)])
    } catch (error) {
      if (this.#running.get(call.id) !== abort) return null
      // A message could hold what was said; a name cannot.
      this.#options.onFailure(tool.name, error instanceof Error ? error.name : typeof error)
      return FAILED
    } finally {
      clearTimeout(timer)
      if (this.#running.get(call.id) === abort) this.#running.delete(call.id)
    }
  }

  /** Cancels one call; its result is null. */
  cancel(id: string): void {
    const abort = this.#running.get(id)
    this.#running.delete(id)
    abort?.abort()
  }

  /** Cancels all calls, and runs none any more. */
  stop(): void {
    this.#stopped = true
    for (const id of [...this.#running.keys()]) this.cancel(id)
    this.#state.clear()
  }

  async #result(tool: ServerTool, call: ToolCall, signal: AbortSignal): Promise<string> {
    const { sessionId, user } = this.#options
    const args = JSON.parse(call.arguments === '' ? '{}' : call.arguments) as JsonObject
    const result = await tool.run(args, { id: call.id, sessionId, user, state: this.#state, signal })
    return typeof result === 'string' ? result : (JSON.stringify(result) ?? 'null')
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}
