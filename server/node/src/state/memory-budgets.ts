import type { Budgets, Expense, Spending } from './shared-state.ts'

const DAY_MS = 86_400_000
const NOTHING: Spending = { tokens: 0, ms: 0 }

/** The UTC day of a time in ms of the epoch, as days since the epoch. */
export function utcDay(now: number): number {
  return Math.floor(now / DAY_MS)
}

/** Until the next UTC day, in whole seconds, at least 1. */
export function secondsOfDayLeft(now: number): number {
  return Math.max(1, Math.ceil((DAY_MS - (now % DAY_MS)) / 1000))
}

/** What users have used today, in memory. Yesterday is forgotten with the first expense of today. */
export class MemoryBudgets implements Budgets {
  readonly #now: () => number
  #day = 0
  readonly #spent = new Map<string, Spending>()

  constructor(now: () => number = Date.now) {
    this.#now = now
  }

  async spend(expenses: readonly Expense[]): Promise<readonly Spending[]> {
    return expenses.map((expense) => this.add(expense))
  }

  /** Counts one expense. @returns What the user has used today. */
  add({ user, tokens, ms }: Expense): Spending {
    this.#turn()
    const before = this.#spent.get(user) ?? NOTHING
    const spent = { tokens: before.tokens + tokens, ms: before.ms + ms }
    if (spent.tokens > 0 || spent.ms > 0) this.#spent.set(user, spent)
    return spent
  }

  /** Puts what is known elsewhere in the place of what was counted here. */
  correct(user: string, spent: Spending): void {
    this.#turn()
    this.#spent.set(user, spent)
  }

  #turn(): void {
    const day = utcDay(this.#now())
    if (day === this.#day) return
    this.#day = day
    this.#spent.clear()
  }
}
