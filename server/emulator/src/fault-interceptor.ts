import type { EmulatorConnection, Interceptor, Outgoing } from './connection.ts'
import type { ConnectionFault, FaultTrigger } from './faults.ts'

/** A stall under way: what it holds back, or `null` where it loses everything. */
interface Stall {
  readonly held: { readonly outgoing: (() => void)[]; readonly incoming: (() => void)[] } | null
}

/** Counts what passes on one connection and strikes when a fault is due. */
export class FaultInterceptor implements Interceptor {
  readonly #connection: EmulatorConnection
  readonly #counts = { received: 0, sent: 0 }
  #waiting: readonly ConnectionFault[]
  #stall: Stall | null = null
  #swallow = 0
  #duplicate = 0
  #truncateAt: number | null = null
  /** Messages that wait to be sent in reverse order, and how many there must be; 0 for none. */
  #reorder = 0
  #reordered: Outgoing[] = []

  constructor(connection: EmulatorConnection, faults: readonly ConnectionFault[]) {
    this.#connection = connection
    this.#waiting = faults
    // A fault without a trigger strikes behind what a session says first.
    queueMicrotask(() => this.#strike())
  }

  /** Lets a message to the client meet the faults that struck; see `Interceptor`. */
  outgoing(message: Outgoing): boolean {
    if (this.#stall) {
      this.#stall.held?.outgoing.push(() => this.outgoing(message))
      return this.#stall.held !== null
    }
    if (this.#swallow > 0) {
      this.#swallow--
      return false
    }
    const cut = this.#truncateAt === null ? message : truncated(message, this.#truncateAt)
    this.#truncateAt = null
    const twice = this.#duplicate > 0
    if (twice) this.#duplicate--
    this.#arrange(cut)
    if (twice) this.#arrange(cut)
    return true
  }

  /** Lets a message of the client through; see `Interceptor`. */
  incoming(deliver: () => void): void {
    if (this.#stall) {
      this.#stall.held?.incoming.push(() => this.incoming(deliver))
      return
    }
    deliver()
    this.#counts.received++
    this.#strike()
  }

  /** Lets the session close; see `Interceptor`. */
  closing(close: () => void): void {
    if (this.#stall?.held) {
      this.#stall.held.outgoing.push(() => this.closing(close))
      return
    }
    this.#releaseReordered()
    close()
  }

  #arrange(message: Outgoing): void {
    if (this.#reorder === 0) {
      this.#deliver(message)
      return
    }
    this.#reordered.push(message)
    if (this.#reordered.length === this.#reorder) this.#releaseReordered()
  }

  #releaseReordered(): void {
    const all = this.#reordered.reverse()
    this.#reorder = 0
    this.#reordered = []
    for (const message of all) this.#deliver(message)
  }

  #deliver(message: Outgoing): void {
    this.#connection.deliver(message)
    this.#counts.sent++
    this.#strike()
  }

  #strike(): void {
    const due = this.#waiting.filter((fault) => this.#isDue(fault))
    this.#waiting = this.#waiting.filter((fault) => !due.includes(fault))
    for (const fault of due) this.#bring(fault)
  }

  #isDue({ afterReceived = 0, afterSent = 0 }: FaultTrigger): boolean {
    return this.#counts.received >= afterReceived && this.#counts.sent >= afterSent
  }

  #bring(fault: ConnectionFault): void {
    switch (fault.type) {
      case 'close':
        this.#connection.close(fault.code, fault.reason ?? '')
        break
      case 'drop':
        this.#connection.terminate()
        break
      case 'stall':
        this.#beginStall(fault.forMs)
        break
      case 'swallow':
        this.#swallow = fault.count
        break
      case 'send':
        this.#connection.deliver({ data: fault.data })
        break
      case 'truncate':
        this.#truncateAt = fault.bytes
        break
      case 'duplicate':
        this.#duplicate = fault.count
        break
      case 'reorder':
        this.#reorder = fault.count
        break
    }
  }

  #beginStall(forMs: number | undefined): void {
    this.#stall = { held: forMs === undefined ? null : { outgoing: [], incoming: [] } }
    this.#connection.pause()
    if (forMs === undefined) return
    const timer = setTimeout(() => this.#endStall(), forMs)
    this.#connection.on('close', () => clearTimeout(timer))
  }

  /** What was held back goes through in its order; a fault may strike again in the middle of it. */
  #endStall(): void {
    const held = this.#stall?.held
    this.#stall = null
    this.#connection.resume()
    for (const pass of [...(held?.outgoing ?? []), ...(held?.incoming ?? [])]) pass()
  }
}

/** The first bytes of a message; a character that is cut in two becomes a replacement character. */
function truncated({ data }: Outgoing, bytes: number): Outgoing {
  if (typeof data !== 'string') return { data: data.subarray(0, bytes) }
  return { data: Buffer.from(data).subarray(0, bytes).toString() }
}
