interface Timer {
  readonly id: number
  readonly run: () => void
  /** How long an interval is, in ms; null for a timeout. */
  readonly everyMs: number | null
  /** How many timers set one another off before this one. */
  readonly nesting: number
  /** When it is due, on the clock's `performanceNow`. */
  readonly dueAt: number
}

/** What a clock replaces in a page. */
export interface ClockTarget {
  setTimeout: unknown
  clearTimeout: unknown
  setInterval: unknown
  clearInterval: unknown
  Date: DateConstructor
  performance: Performance
}

/** Far from the ids of a page's own timers, which may be cleared while the clock is installed. */
const FIRST_ID = 1_000_000_000
/** Timers that set one another off wait so long from the sixth on, in ms, so none keeps time from passing. */
const NESTED_MS = 4
const NESTED = 5
const TIMERS = ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] as const

/**
 * A clock that stands still until it is told to go on. Its functions may be given away one by one, wherever a clock
 * is an option; `install` puts them in the place of the page's own. What takes no clock from the page, such as audio,
 * the network and `AbortSignal.timeout`, goes on by the real one.
 */
export class VirtualClock {
  readonly #startedAt: number
  readonly #timers = new Map<number, Timer>()
  #elapsed = 0
  #lastId = FIRST_ID
  #nesting = 0
  #uninstall: (() => void) | null = null

  /** @param options.now The time in ms since the epoch at which it stands; default 2026 began. */
  constructor({ now = Date.UTC(2026, 0) }: { readonly now?: number } = {}) {
    this.#startedAt = now
  }

  /** Like `Date.now`. */
  readonly now = (): number => Math.floor(this.#startedAt + this.#elapsed)

  /** Like `performance.now`: 0 when the clock was made. */
  readonly performanceNow = (): number => this.#elapsed

  readonly setTimeout = <A extends unknown[]>(
    handler: (...args: A) => void,
    ms?: number,
    ...args: A
  ): number => this.#add(() => handler(...args), { ms, repeats: false })

  readonly setInterval = <A extends unknown[]>(
    handler: (...args: A) => void,
    ms?: number,
    ...args: A
  ): number => this.#add(() => handler(...args), { ms, repeats: true })

  readonly clearTimeout = (id?: number): void => {
    this.#timers.delete(id ?? 0)
  }

  readonly clearInterval = this.clearTimeout

  /** How many timers wait: 0 where nothing was left behind. */
  get pending(): number {
    return this.#timers.size
  }

  /**
   * Lets time pass: every timer that falls due is run at its time, in order, those too that are set on the way. Before
   * the first and after each, all promises that can go on do.
   *
   * @param ms 0 or more.
   * @throws {RangeError} If time were to go backwards.
   * @throws What a timer throws; time then stands still at it.
   */
  async advance(ms: number): Promise<void> {
    if (!(ms >= 0)) throw new RangeError(`Cannot advance as ms must be 0 or more: current value is ${ms}`)
    const until = this.#elapsed + ms
    await settled()
    for (let timer = this.#next(until); timer; timer = this.#next(until)) {
      this.#elapsed = Math.max(this.#elapsed, timer.dueAt)
      await this.#run(timer)
    }
    this.#elapsed = until
  }

  /**
   * Takes the place of a page's timers, `Date` and `performance.now`, until `uninstall`.
   *
   * @throws {DOMException} `InvalidStateError`, if it is installed already.
   */
  install(target: ClockTarget = globalThis): this {
    if (this.#uninstall) {
      const text = 'Cannot install as the clock must not be installed: current value is installed'
      throw new DOMException(text, 'InvalidStateError')
    }
    const { clearTimeout, Date: RealDate, performance } = target
    const clear = (id?: number): void => {
      this.clearTimeout(id)
      if (id === undefined || id < FIRST_ID) (clearTimeout as (id?: number) => void).call(target, id)
    }
    const restore = [
      ...TIMERS.map((name) => replace(target, name, name.startsWith('clear') ? clear : this[name])),
      replace(target, 'Date', dateBy(this.now, RealDate)),
      replace(performance, 'now', this.performanceNow),
    ]
    this.#uninstall = () => {
      for (const undo of restore) undo()
    }
    return this
  }

  /** Gives the page its own clock back; timers of this one stay where they are. Idempotent. */
  uninstall(): void {
    this.#uninstall?.()
    this.#uninstall = null
  }

  [Symbol.dispose](): void {
    this.uninstall()
  }

  #add(run: () => void, { ms, repeats }: { ms: number | undefined; repeats: boolean }): number {
    const id = ++this.#lastId
    const nesting = this.#nesting + 1
    const asked = Math.max(repeats ? 1 : 0, Number(ms) || 0)
    const wait = nesting > NESTED ? Math.max(NESTED_MS, asked) : asked
    const everyMs = repeats ? wait : null
    this.#timers.set(id, { id, run, everyMs, nesting, dueAt: this.#elapsed + wait })
    return id
  }

  /** @returns The timer that is due first, the oldest of several; null where none is until then. */
  #next(until: number): Timer | null {
    let first: Timer | null = null
    for (const timer of this.#timers.values()) {
      if (timer.dueAt <= until && (!first || timer.dueAt < first.dueAt)) first = timer
    }
    return first
  }

  async #run(timer: Timer): Promise<void> {
    const { id, run, everyMs, nesting, dueAt } = timer
    this.#timers.delete(id)
    // Behind those that wait already: of two that are due together the older one is first.
    if (everyMs !== null) this.#timers.set(id, { ...timer, dueAt: dueAt + everyMs })
    this.#nesting = nesting
    try {
      run()
      await settled()
    } finally {
      this.#nesting = 0
    }
  }
}

/** Resolves when no promise can go on by itself: a message comes after all of them. */
function settled(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => {
      port1.close()
      resolve()
    }
    port2.postMessage(null)
  })
}

/** Puts a value in the place of a property. @returns Puts back what was there. */
function replace(target: object, name: string, value: unknown): () => void {
  const own = Object.getOwnPropertyDescriptor(target, name)
  Object.defineProperty(target, name, { configurable: true, writable: true, value })
  return () => {
    if (own) Object.defineProperty(target, name, own)
    else Reflect.deleteProperty(target, name)
  }
}

/** @returns A `Date` that is made now by a clock, and everything else as ever. */
function dateBy(now: () => number, RealDate: DateConstructor): DateConstructor {
  return new Proxy(RealDate, {
    construct: (target, args, newTarget) =>
      Reflect.construct(target, args.length > 0 ? args : [now()], newTarget) as Date,
    apply: () => new RealDate(now()).toString(),
    get: (target, name) => (name === 'now' ? now : Reflect.get(target, name)),
  })
}
