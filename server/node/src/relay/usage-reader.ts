import { MessageAssembler } from './message-assembler.ts'

/** OpenAI writes a message's type first. */
const START_BYTES = 64
const DONE = Buffer.from('"response.done"')

/**
 * Reads from OpenAI's bytes how many tokens each response has cost. All that it looks at of other messages is
 * their start.
 */
export class UsageReader {
  readonly #assembler: MessageAssembler

  /** @param onTokens Called with the `total_tokens` of each response that is done. */
  constructor(onTokens: (tokens: number) => void) {
    this.#assembler = new MessageAssembler(({ binary, payload }) => {
      if (binary || payload.subarray(0, START_BYTES).indexOf(DONE) < 0) return
      const tokens = tokensOf(payload.toString())
      if (tokens > 0) onTokens(tokens)
    })
  }

  /** Takes the next bytes that are passed on to the client; they stay whose they are. */
  push(bytes: Buffer): void {
    this.#assembler.push(bytes)
  }
}

function tokensOf(text: string): number {
  try {
    return totalTokens(JSON.parse(text))
  } catch {
    return 0 // not JSON: the client will see it too, and nothing can be counted
  }
}

/** The `total_tokens` of a `response.done`; 0 where it has none. */
export function totalTokens(message: unknown): number {
  const { response } = (message ?? {}) as { response?: { usage?: { total_tokens?: unknown } | null } | null }
  const tokens = response?.usage?.total_tokens
  return typeof tokens === 'number' && Number.isFinite(tokens) ? Math.max(0, tokens) : 0
}
