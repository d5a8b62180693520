import type { ToolCallEvent, VoiceWarning } from '../events.ts'
import type { AnsweredCall, ToolDeclaration } from '../providers/provider.ts'
import { type JsonObject, parseObject } from '../util/json.ts'
import {
  isStandard,
  type StandardIssue,
  type StandardSchema,
  type Tool,
  type ToolContext,
  type ToolEndpoint,
} from './define-tool.ts'

/** What the runner works with, and whom it tells. */
export interface ToolRunnerOptions {
  readonly tools: readonly Tool[]
  /** The one answer to a call, for the provider. */
  readonly onresult: (call: AnsweredCall) => void
  readonly ontoolcall: (event: ToolCallEvent) => void
  readonly onwarning: (warning: VoiceWarning) => void
}

type CallRequest = Omit<AnsweredCall, 'role' | 'output'>

interface Call {
  readonly request: CallRequest
  readonly abort: AbortController
  input?: unknown
  timer?: ReturnType<typeof setTimeout>
}

/** How a call ended. */
interface Outcome extends Pick<ToolCallEvent, 'status' | 'output' | 'error'> {
  /** Where the developer should know. */
  readonly code?: keyof typeof FAILURES
}

/** More at once than any conversation needs: a model that loops must not exhaust the page. */
const MAX_CALLS = 32

/** More than a model can use, and near to what providers take in one message; in bytes. */
const MAX_OUTPUT = 65_536

/** What went wrong, which is all that the model may learn of it, and what the developer can do. */
const FAILURES = {
  'tool-failed': ['The tool failed', 'Correct what the message names'],
  'tool-missing': ['There is no such tool', 'Add it to tools'],
  'tool-timeout': ['The tool took too long', 'Answer sooner, or raise timeoutMs'],
  'tool-busy': ['Too many tools run', 'Answer sooner'],
} as const

/** Runs what the model asks for, and answers each call exactly once unless it is withdrawn. */
export class ToolRunner {
  /** What it runs. */
  tools: readonly Tool[] = []
  /** What the model is told of the tools. */
  declarations: readonly ToolDeclaration[] = []
  readonly #options: ToolRunnerOptions
  #tools: ReadonlyMap<string, Tool['definition']> = new Map()
  readonly #calls = new Map<string, Call>()
  readonly #seen = new Set<string>()

  /** @throws {TypeError} If two tools share a name. */
  constructor(options: ToolRunnerOptions) {
    this.#options = options
    this.update(options.tools)
  }

  /**
   * Puts other tools in the place of those so far. Calls that run go on.
   *
   * @throws {TypeError} If two tools share a name.
   */
  update(tools: readonly Tool[]): void {
    const names = tools.map(({ declaration }) => declaration.name)
    if (new Set(names).size < names.length) {
      throw new TypeError(`Cannot use tools as names must be unique: current value is ${names}`)
    }
    this.tools = tools
    this.declarations = tools.map(({ declaration }) => declaration)
    this.#tools = new Map(tools.map(({ definition }) => [definition.name, definition]))
  }

  /** Whether a call is to be answered, one that waits for approval too. */
  get busy(): boolean {
    return this.#calls.size > 0
  }

  /** Answers by `onresult`, now or later. A call that is known already is passed over. */
  run(request: CallRequest): void {
    const { callId } = request
    if (this.#seen.has(callId)) return
    this.#seen.add(callId)
    const call: Call = { request, abort: new AbortController() }
    this.#calls.set(callId, call)
    // What a listener throws at the end is not the tool's failure, so it is not caught here.
    void this.#answer(call)
      .catch((error) => failure('tool-failed', error))
      .then((outcome) => this.#end(call, outcome))
  }

  /** Withdraws calls: they are aborted and not answered. */
  cancel(callIds: Iterable<string>): void {
    for (const callId of callIds) this.#abort(this.#calls.get(callId), { status: 'cancelled' })
  }

  /** Withdraws all calls, as when the connection that asked for them is gone. */
  cancelAll(): void {
    this.cancel([...this.#calls.keys()])
  }

  async #answer(call: Call): Promise<Outcome> {
    const { callId, name } = call.request
    const { signal } = call.abort
    const tool = this.#tools.get(name)
    if (!tool) return failure('tool-missing')
    if (this.#calls.size > MAX_CALLS) return failure('tool-busy')
    const { parameters, approve, handler, endpoint, timeoutMs } = tool
    const context = { callId, name, signal }
    const wait = (): void => {
      call.timer = setTimeout(() => this.#abort(call, failure('tool-timeout')), timeoutMs)
    }
    wait()
    const issues = parameters && (await validate(call, parameters))
    signal.throwIfAborted()
    if (issues) {
      return { status: 'failed', output: `Invalid arguments: ${issues.map(textOfIssue).join('; ')}` }
    }
    if (approve) {
      clearTimeout(call.timer)
      const approved = await approve({ ...context, input: call.input })
      signal.throwIfAborted()
      if (approved !== true) return { status: 'declined', output: 'The user declined' }
      wait()
    }
    this.#options.ontoolcall({ callId, name, status: 'running', input: call.input })
    signal.throwIfAborted()
    return {
      status: 'done',
      output: textOf(await (handler ? handler(call.input, context) : post(endpoint!, context, call.input))),
    }
  }

  /** Ends a call before its handler does. */
  #abort(call: Call | undefined, outcome: Outcome): void {
    if (!call) return
    // Before anyone is told, so that a listener that throws keeps no handler running.
    call.abort.abort()
    this.#end(call, outcome)
  }

  /** The first end of a call counts; what comes later is dropped. */
  #end(call: Call, { code, ...outcome }: Outcome): void {
    const { request, input, timer } = call
    const { callId, name, arguments: text } = request
    if (this.#calls.get(callId) !== call) return
    this.#calls.delete(callId)
    clearTimeout(timer)
    const { onresult, onwarning, ontoolcall } = this.#options
    const { output, error } = outcome
    if (output !== undefined) onresult({ role: 'tool', callId, name, arguments: text, output })
    if (code) {
      const [what, hint] = FAILURES[code]
      const message = [what, name, (error as Error | undefined)?.message ?? error].filter(Boolean).join(': ')
      onwarning({ code, message, hint })
    }
    ontoolcall({ callId, name, input, ...outcome })
  }
}

function failure(code: keyof typeof FAILURES, error?: unknown): Outcome {
  return { status: 'failed', output: FAILURES[code][0], code, error }
}

/** Sets the input of a call. @returns What is wrong with it; nothing where it is valid. */
async function validate(
  call: Call,
  parameters: StandardSchema | JsonObject,
): Promise<readonly StandardIssue[] | undefined> {
  const input = parseObject(call.request.arguments || '{}')
  call.input = input
  if (!input) return [{ message: 'must be a JSON object' }]
  if (isStandard(parameters)) {
    const result = await parameters['~standard'].validate(input)
    if (result.issues) return result.issues
    call.input = result.value
    return
  }
  const { required = [] } = parameters as { required?: string[] }
  const missing = required.filter((key) => !Object.hasOwn(input, key))
  return missing[0] ? missing.map((key) => ({ path: [key], message: 'must be given' })) : undefined
}

function textOfIssue({ path = [], message }: StandardIssue): string {
  const keys = path.map((part) => String(typeof part === 'object' ? part.key : part))
  return [keys.join('.'), message].filter(Boolean).join(': ')
}

/** Lets a server answer. */
async function post(
  endpoint: string | URL | ToolEndpoint,
  { callId, name, signal }: ToolContext,
  input: unknown,
): Promise<string> {
  // A text or URL has none of these fields.
  const {
    url = endpoint,
    headers,
    credentials = 'same-origin',
    fetch: request = fetch,
  } = endpoint as ToolEndpoint
  const response = await request(url as string, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ callId, name, arguments: input ?? {} }),
    credentials,
    signal,
  })
  if (!response.ok) throw new Error(`HTTP ${response.status}`)
  return response.text()
}

/** @throws If it cannot be JSON, or is longer than a model can use. */
function textOf(output: unknown): string {
  const text = typeof output === 'string' ? output : (JSON.stringify(output) ?? '')
  const { size } = new Blob([text])
  if (size > MAX_OUTPUT) throw new RangeError(`Output must be at most ${MAX_OUTPUT} bytes: ${size}`)
  return text
}
