import type { TimerWheel, WheelTimer } from './timer-wheel.ts'

/** Inactivity is looked at this many times within its limit, so it is seen at most a quarter late. */
const LOOKS = 4
/** The longest warning before the end of a session. */
const MOST_WARNING_MS = 60_000
/** Of a short session the last tenth. */
const WARNING_SHARE = 0.1

/** What a session is told as time passes. */
export interface ClockEvents {
  /** Time for a heartbeat. */
  beat(): void
  /** Nothing has been said for too long. */
  idle(): void
  /** The end is near. */
  warn(secondsLeft: number): void
  /** The session has lasted as long as it may. */
  expire(): void
}

export interface ClockOptions {
  /** Between two heartbeats, in ms. */
  readonly heartbeatMs: number
  /** Without a sign of activity, in ms; 0: no limit. */
  readonly inactivityMs: number
  /** The greatest length of the session, in ms; 0: no limit. */
  readonly lengthMs: number
}

/** All that a session does because time passes, until it is stopped. */
export class SessionClock {
  readonly #wheel: TimerWheel
  readonly #events: ClockEvents
  readonly #timers = new Map<string, WheelTimer>()
  /** Whether there was a sign of activity since the last look; whoever sees one sets it. */
  active = false
  #quietLooks = 0

  constructor(wheel: TimerWheel, options: ClockOptions, events: ClockEvents) {
    this.#wheel = wheel
    this.#events = events
    this.#every('beat', options.heartbeatMs, () => events.beat())
    if (options.inactivityMs > 0) this.#every('look', options.inactivityMs / LOOKS, () => this.#look())
    if (options.lengthMs > 0) this.#limitLength(options.lengthMs)
  }

  stop(): void {
    for (const timer of this.#timers.values()) timer.cancel()
    this.#timers.clear()
  }

  #every(name: string, delayMs: number, callback: () => void): void {
    const again = () => {
      this.#timers.set(name, this.#wheel.schedule(delayMs, again))
      callback()
    }
    this.#timers.set(name, this.#wheel.schedule(delayMs, again))
  }

  #look(): void {
    this.#quietLooks = this.active ? 0 : this.#quietLooks + 1
    this.active = false
    if (this.#quietLooks >= LOOKS) this.#events.idle()
  }

  #limitLength(lengthMs: number): void {
    const warningMs = Math.min(MOST_WARNING_MS, lengthMs * WARNING_SHARE)
    const warn = () => this.#events.warn(Math.round(warningMs / 1000))
    this.#timers.set('warn', this.#wheel.schedule(lengthMs - warningMs, warn))
    this.#timers.set(
      'expire',
      this.#wheel.schedule(lengthMs, () => this.#events.expire()),
    )
  }
}
