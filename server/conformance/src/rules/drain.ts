import { describe } from '../peer.ts'
import type { Rule } from '../rule.ts'
import type { Trial } from '../trial.ts'
import { demand, demandEqual, Violation, within } from '../violation.ts'
import { codeIn } from './preview.ts'
import { demandWorks } from './sessions.ts'

/** The end of the relay (R-DRAIN); it is the last rule, as nothing can be judged behind it. */
export const drain: readonly Rule[] = [
  {
    id: 'drain/sigterm',
    title: 'At SIGTERM nobody new comes in, sessions are warned, go on, end with 1012, and the process ends',
    proves: ['R-DRAIN-1', 'R-DRAIN-2'],
    alone: true,
    skip: ({ pid, drainSeconds }) => {
      if (pid === null) return "the relay's process is not known (--pid)"
      return drainSeconds > 20 ? 'DRAIN_SECONDS is over 20' : null
    },
    async judge(trial) {
      const { drainSeconds, pid } = trial.settings
      const session = await trial.session({ provider: trial.provider })
      const { client } = session
      process.kill(pid!, 'SIGTERM')
      const isWarning = (message: Record<string, unknown>) => JSON.stringify(message).includes('"draining"')
      await client.find(isWarning, 'a warning that the relay is draining')
      const startedAt = performance.now()
      await demandShut(trial)
      if (drainSeconds > 0) await demandWorks(session, 'a session of a relay that is draining')
      const closing = await client.closed(drainSeconds * 1000 + 5000)
      demand(closing.code === 1012 && closing.reason === 'draining', `the client got ${describe(closing)}`)
      const ms = performance.now() - startedAt
      demand(ms > drainSeconds * 1000 - 1000, `that came after ${(ms / 1000).toFixed(1)} s`)
      await within(5000, gone(pid!), "the end of the relay's process")
    },
  },
]

/** Nobody comes in: with 503, or as nobody listens any more. */
async function demandShut(trial: Trial): Promise<void> {
  try {
    const { status, code } = await trial.refused()
    demandEqual(`${status} ${code}`, '503 draining', 'the answer to an upgrade')
    const ready = await trial.request('/ready')
    demandEqual(`${ready.status} ${codeIn(ready.json)}`, '503 draining', 'the answer to /ready')
  } catch (error) {
    const shut = error instanceof Violation && /^(?:cannot connect|the request failed)/.test(error.message)
    if (!shut) throw error
  }
}

async function gone(pid: number): Promise<void> {
  for (;;) {
    try {
      process.kill(pid, 0)
    } catch {
      return // there is no such process any more
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
