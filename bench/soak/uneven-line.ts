import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

export interface UnevenLineOptions {
  readonly port: number
  /** What comes is late by up to this, in ms, each piece by its own; its order stays. */
  readonly jitterMs: number
  /** How long a connection lasts on average before it is torn off, in ms. */
  readonly lastsMs: number
  /** 0…1. */
  readonly random: () => number
}

/** A TCP line to a port of this machine as it is on a train: late by turns, and torn off now and then. */
export class UnevenLine {
  /** Connections that were torn off. */
  drops = 0
  /** Whether connections that are made from now on are torn off. */
  tearing = true
  readonly #options: UnevenLineOptions
  readonly #open = new Set<Socket>()
  readonly #server = createServer({ noDelay: true, allowHalfOpen: true }, (near) => this.#join(near))

  constructor(options: UnevenLineOptions) {
    this.#options = options
  }

  /** @returns The port that stands for the other one. */
  async listen(): Promise<number> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return (this.#server.address() as AddressInfo).port
  }

  async close(): Promise<void> {
    for (const socket of this.#open) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #join(near: Socket): void {
    const { port, lastsMs, random } = this.#options
    const far = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true })
    const both = [near, far]
    const tear = setTimeout(
      () => {
        if (!this.tearing || near.destroyed) return
        this.drops++
        for (const socket of both) socket.resetAndDestroy()
      },
      -Math.log(1 - random()) * lastsMs,
    )
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#open.add(from)
      this.#carry(from, to)
      from.on('error', () => to.destroy())
      from.on('close', () => {
        this.#open.delete(from)
        clearTimeout(tear)
      })
    }
  }

  /** Hands each piece over when its time has come, never before the one ahead of it. */
  #carry(from: Socket, to: Socket): void {
    const { jitterMs, random } = this.#options
    const waiting: { readonly at: number; readonly act: () => void }[] = []
    // One timer for all: two of nearly the same moment may go off in either order.
    const wait = (): void => {
      const next = waiting[0]
      if (!next) return
      setTimeout(
        () => {
          waiting.shift()
          if (!to.destroyed) next.act()
          wait()
        },
        Math.max(0, next.at - performance.now()),
      )
    }
    const later = (act: () => void): void => {
      waiting.push({ at: performance.now() + random() * jitterMs, act })
      if (waiting.length === 1) wait()
    }
    from.on('data', (piece) => later(() => to.write(piece)))
    from.on('end', () => later(() => to.end()))
  }
}
