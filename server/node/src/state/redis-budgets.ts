import { MemoryBudgets, utcDay } from './memory-budgets.ts'
import type { RedisLink } from './redis-link.ts'
import type { Budgets, Expense, Spending } from './shared-state.ts'

/** Two days: whatever clocks say, a day is over by then. */
const LIFE_SECONDS = 172_800
/** Of one expense: no budget is greater, and what Redis cannot add up would be sent to it for ever. */
const MOST_AT_ONCE = 1e12

/**
 * Budgets on Redis. While that is away each instance goes on from what it knew last, and adds what it counted as soon
 * as it is back. What Redis may or may not have counted is counted again: rather too much than too little.
 */
export class RedisBudgets implements Budgets {
  readonly #link: RedisLink
  readonly #memory = new MemoryBudgets()
  #untold = new Map<string, Expense>()

  constructor(link: RedisLink) {
    this.#link = link
    link.onBack(() => void this.#tell())
  }

  async spend(expenses: readonly Expense[]): Promise<readonly Spending[]> {
    if (expenses.length === 0) return []
    const keys = expenses.map(({ user }) => this.#key(user))
    try {
      const spent = await this.#write(keys, expenses)
      for (const [index, { user }] of expenses.entries()) this.#memory.correct(user, spent[index]!)
      return spent
    } catch {
      for (const [index, expense] of expenses.entries()) this.#keep(keys[index]!, expense)
      return expenses.map((expense) => this.#memory.add(expense))
    }
  }

  async #write(keys: readonly string[], expenses: readonly Expense[]): Promise<Spending[]> {
    const amounts = expenses.flatMap(({ tokens, ms }) => [whole(tokens), whole(ms)])
    const spent = (await this.#link.script('spend', keys, [LIFE_SECONDS, ...amounts])) as number[]
    return expenses.map((_, index) => ({ tokens: spent[2 * index]!, ms: spent[2 * index + 1]! }))
  }

  #keep(key: string, { user, tokens, ms }: Expense): void {
    if (tokens === 0 && ms === 0) return
    const before = this.#untold.get(key)
    this.#untold.set(key, { user, tokens: tokens + (before?.tokens ?? 0), ms: ms + (before?.ms ?? 0) })
  }

  async #tell(): Promise<void> {
    const untold = [...this.#untold]
    if (untold.length === 0) return
    this.#untold.clear()
    const keys = untold.map(([key]) => key)
    const expenses = untold.map(([, expense]) => expense)
    await this.#write(keys, expenses).catch(() => {
      for (const [key, expense] of untold) this.#keep(key, expense) // next time
    })
  }

  #key(user: string): string {
    return this.#link.key(`budget:${utcDay(Date.now())}`, user)
  }
}

function whole(amount: number): number {
  return Math.min(Math.ceil(amount), MOST_AT_ONCE)
}
