import type { ChildProcess } from 'node:child_process'

interface Call {
  readonly id: number
  readonly name: string
  readonly argument: unknown
}

interface Answer {
  readonly id: number
  readonly result?: unknown
  readonly error?: string
}

/** What a process does when it is asked. */
export type Actions = Readonly<Record<string, (argument: never) => unknown>>

type Argument<A extends Actions, N extends keyof A> =
  Parameters<A[N]> extends [infer First] ? First : undefined

/** Answers the process that started this one, and ends with it. */
export function answer(actions: Actions): void {
  process.on('disconnect', () => process.exit())
  process.on('message', async ({ id, name, argument }: Call) => {
    try {
      process.send!({ id, result: await actions[name]!(argument as never) } satisfies Answer)
    } catch (error) {
      process.send!({ id, error: (error as Error).message } satisfies Answer)
    }
  })
}

/** Asks a process that `answer`s. */
export class Remote<A extends Actions> {
  readonly #child: ChildProcess
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>()
  #id = 0

  /** @param child With a channel, whose serialization is `advanced`. */
  constructor(child: ChildProcess) {
    this.#child = child
    child.on('message', (message) => {
      const { id, result, error } = message as Answer
      const waiting = this.#waiting.get(id)
      this.#waiting.delete(id)
      if (error === undefined) waiting?.resolve(result)
      else waiting?.reject(new Error(error))
    })
    child.on('exit', (code, signal) => {
      const error = new Error(`A process of the bench ended: ${code ?? signal}`)
      for (const { reject } of this.#waiting.values()) reject(error)
    })
  }

  /**
   * Has the process do something.
   *
   * @throws {Error} What the action threw there.
   */
  ask<N extends keyof A & string>(name: N, argument?: Argument<A, N>): Promise<Awaited<ReturnType<A[N]>>> {
    const id = ++this.#id
    const waiting = Promise.withResolvers<unknown>()
    this.#waiting.set(id, waiting)
    this.#child.send({ id, name, argument } satisfies Call)
    return waiting.promise as Promise<Awaited<ReturnType<A[N]>>>
  }
}
