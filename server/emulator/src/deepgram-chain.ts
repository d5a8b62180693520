/** Codes for one provider of a chain that fails, and for the last one. */
const CODES = {
  think: { warning: 'THINK_REQUEST_FAILED', fatal: 'FAILED_TO_THINK' },
  speak: { warning: 'SPEAK_REQUEST_FAILED', fatal: 'FAILED_TO_SPEAK' },
} as const

/** Thrown when a whole chain failed; `code` is Deepgram's for the session's end. */
export class ChainError extends Error {
  readonly code: 'FAILED_TO_THINK' | 'FAILED_TO_SPEAK'

  constructor(code: ChainError['code'], message: string) {
    super(message)
    this.code = code
  }
}

/** What is asked of a chain. */
export interface ChainRequest<Member, Result> {
  /** What its members do. */
  readonly doing: 'think' | 'speak'
  attempt(member: Member): Result | Promise<Result>
  /** Told of every member that failed and is followed by another. */
  warn(code: string, description: string): void
}

/**
 * Asks the members of a fallback chain in turn.
 *
 * @returns What the first one returns that does not fail.
 * @throws {ChainError} If the last one fails too.
 */
export async function askChain<Member, Result>(
  chain: readonly Member[],
  { doing, attempt, warn }: ChainRequest<Member, Result>,
): Promise<Result> {
  const { warning, fatal } = CODES[doing]
  let description = ''
  for (const [i, member] of chain.entries()) {
    try {
      return await attempt(member)
    } catch (error) {
      description = error instanceof Error ? error.message : String(error)
      if (i < chain.length - 1) warn(warning, description)
    }
  }
  throw new ChainError(fatal, description)
}
