import { codeOf } from '../answer.ts'
import { describe } from '../peer.ts'
import type { Call } from '../trial.ts'
import { demand } from '../violation.ts'

/**
 * States that the client is told of the provider's failure: by a close with this code and reason, or, where the
 * relay dials before it answers, by 502 with the same code.
 *
 * @throws {Violation}
 */
export async function demandTold(call: Call, closeCode: number, code: string, ms?: number): Promise<void> {
  const answer = await call.answer(ms)
  if (answer.client === null) {
    const told = codeOf(answer.body)
    const right = answer.status === 502 && told === code
    demand(right, `the client was told ${answer.status} ${told} and not 502 ${code}`)
    return
  }
  const closing = await answer.client.closed(ms)
  const right = closing.code === closeCode && closing.reason === code
  demand(right, `the client got ${describe(closing)} and not ${closeCode} ${code}`)
}
