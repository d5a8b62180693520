import type { EmulatorConnection } from './connection.ts'
import { FaultInterceptor } from './fault-interceptor.ts'
import type { ConnectionFault, Fault, HandshakeFault } from './faults.ts'

/** The faults that are armed, in the order in which they were added. */
export class FaultPlan {
  readonly #armed: { readonly fault: Fault; left: number }[] = []

  constructor(faults: readonly Fault[] = []) {
    for (const fault of faults) this.add(fault)
  }

  /**
   * Arms a fault for connections to come.
   *
   * @returns The function that disarms it.
   */
  add(fault: Fault): () => void {
    const entry = { fault, left: fault.times ?? Number.POSITIVE_INFINITY }
    this.#armed.push(entry)
    return () => {
      entry.left = 0
    }
  }

  /** The fault that strikes this handshake, if any. */
  handshake(path: string): HandshakeFault | null {
    return (this.#take(path, isHandshakeFault)[0] as HandshakeFault | undefined) ?? null
  }

  /** Lets every other armed fault strike this connection when its time comes. */
  attach(connection: EmulatorConnection): void {
    const faults = this.#take(connection.path, (fault) => !isHandshakeFault(fault)) as ConnectionFault[]
    if (faults.length > 0) connection.interceptor = new FaultInterceptor(connection, faults)
  }

  #take(path: string, wanted: (fault: Fault) => boolean): Fault[] {
    const taken = this.#armed.filter(
      ({ fault, left }) => left > 0 && wanted(fault) && (fault.path ?? path) === path,
    )
    // A handshake meets one refusal at most; the next one stays armed for the next handshake.
    const struck = taken.length > 0 && isHandshakeFault(taken[0]!.fault) ? taken.slice(0, 1) : taken
    for (const entry of struck) entry.left--
    return struck.map(({ fault }) => fault)
  }
}

function isHandshakeFault(fault: Fault): boolean {
  return fault.type === 'refuse' || fault.type === 'never-answer'
}
