import { Refusal } from './codes.ts'
import type { TimerWheel, WheelTimer } from './relay/timer-wheel.ts'
import { secondsOfDayLeft } from './state/memory-budgets.ts'
import type { Budgets, Spending } from './state/shared-state.ts'

/** What one user may use in a UTC day; 0: no limit. */
export interface BudgetOptions {
  /** As the provider counts them; default 0. */
  readonly tokensPerDay?: number
  /** Of all sessions together; default 0. */
  readonly minutesPerDay?: number
}

export interface MeterOptions {
  readonly wheel: Pick<TimerWheel, 'schedule'>
  /** A clock in ms; default `performance.now`. */
  readonly now?: () => number
}

/** Between two looks at all sessions: a budget is overdrawn by so much at most. */
const EVERY_MS = 5000

/** One session's account. */
export interface Account {
  /** Counts tokens, and looks at once whether the budget is spent. */
  readonly useTokens: (tokens: number) => void
  /** Counts what is left to count. */
  readonly close: () => void
}

interface Entry {
  readonly user: string
  readonly onSpent: () => void
  since: number
}

/** @throws {Refusal} 429 where a user has nothing left today. */
export async function checkBudget(user: string, options: BudgetOptions, budgets: Budgets): Promise<void> {
  if (!isLimited(options)) return
  const [spent] = await budgets.spend([{ user, tokens: 0, ms: 0 }])
  if (!isSpent(spent!, options)) return
  throw new Refusal(429, 'budget_spent', "The day's budget is used up", {
    retryAfterSeconds: secondsOfDayLeft(Date.now()),
  })
}

/** Counts what live sessions use, on one timer for all of them, and tells those whose user has nothing left. */
export class BudgetMeter {
  readonly #options: BudgetOptions
  readonly #budgets: Budgets
  readonly #wheel: MeterOptions['wheel']
  readonly #now: () => number
  readonly #entries = new Set<Entry>()
  #timer: WheelTimer | null = null

  constructor(
    options: BudgetOptions,
    budgets: Budgets,
    { wheel, now = () => performance.now() }: MeterOptions,
  ) {
    this.#options = options
    this.#budgets = budgets
    this.#wheel = wheel
    this.#now = now
  }

  /**
   * Counts a session from now on.
   *
   * @param onSpent Called when the user's budget is spent, by whichever session.
   */
  open(user: string, onSpent: () => void): Account {
    if (!isLimited(this.#options)) return { useTokens: () => {}, close: () => {} }
    const entry: Entry = { user, onSpent, since: this.#now() }
    this.#entries.add(entry)
    this.#timer ??= this.#wheel.schedule(EVERY_MS, () => this.#look())
    return {
      useTokens: (tokens) => {
        if (tokens > 0 && Number.isFinite(tokens)) this.#count([entry], tokens)
      },
      close: () => {
        if (!this.#entries.has(entry)) return
        this.#count([entry], 0)
        this.#entries.delete(entry)
        if (this.#entries.size > 0) return
        this.#timer?.cancel()
        this.#timer = null
      },
    }
  }

  #look(): void {
    this.#timer = this.#wheel.schedule(EVERY_MS, () => this.#look())
    this.#count(this.#entries, 0)
  }

  /** Counts the time of these sessions until now, and tokens for each of them. */
  #count(entries: Iterable<Entry>, tokens: number): void {
    const now = this.#now()
    const used = new Map<string, Spending>()
    for (const entry of entries) {
      const before = used.get(entry.user) ?? { tokens: 0, ms: 0 }
      const ms = this.#entries.has(entry) ? now - entry.since : 0 // what comes late costs no time
      used.set(entry.user, { tokens: before.tokens + tokens, ms: before.ms + ms })
      entry.since = now
    }
    const expenses = [...used].map(([user, spending]) => ({ user, ...spending }))
    this.#budgets.spend(expenses).then(
      (spent) => this.#judge(new Map(expenses.map(({ user }, index) => [user, spent[index]!]))),
      () => {}, // an implementation that fails costs nobody the session
    )
  }

  #judge(spent: ReadonlyMap<string, Spending>): void {
    for (const { user, onSpent } of [...this.#entries]) {
      const spending = spent.get(user)
      if (spending !== undefined && isSpent(spending, this.#options)) onSpent()
    }
  }
}

/** Whether there is any budget. */
export function isLimited({ tokensPerDay = 0, minutesPerDay = 0 }: BudgetOptions): boolean {
  return tokensPerDay > 0 || minutesPerDay > 0
}

function isSpent({ tokens, ms }: Spending, { tokensPerDay = 0, minutesPerDay = 0 }: BudgetOptions): boolean {
  return (tokensPerDay > 0 && tokens >= tokensPerDay) || (minutesPerDay > 0 && ms >= minutesPerDay * 60_000)
}
