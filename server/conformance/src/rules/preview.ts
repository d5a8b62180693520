import type { Rule } from '../rule.ts'
import { PATHS } from '../trial.ts'
import { CASE_PARAMETER } from '../upstream.ts'
import { demand, demandEqual } from '../violation.ts'
import { fence } from './sessions.ts'

/** The GET that tells a browser what it cannot read of a refused upgrade (R-HAND-7 to R-HAND-9). */
export const preview: readonly Rule[] = [
  {
    id: 'preview/upgrade-required',
    title: 'A GET on a session path gets 426 upgrade_required where nothing stands in the way',
    proves: ['R-HAND-7'],
    async judge(trial) {
      const headers = { Authorization: `Bearer ${trial.ticket()}` }
      const { status, json } = await trial.request(PATHS[trial.provider], { headers })
      demandEqual(status, 426, 'the answer')
      demandEqual(codeIn(json), 'upgrade_required', 'its code')
    },
  },
  {
    id: 'preview/refusals',
    title: 'A GET on a session path gets the status and code of the same upgrade',
    proves: ['R-HAND-7'],
    async judge(trial) {
      const { origin } = trial
      const ask = async (options: { ticket?: string; origin?: string }, status: number, code: string) => {
        const headers: Record<string, string> =
          options.ticket === undefined ? {} : { Authorization: `Bearer ${options.ticket}` }
        const from = options.origin === undefined ? {} : { origin: options.origin }
        const answer = await trial.request(PATHS[trial.provider], { headers, ...from })
        demandEqual(`${answer.status} ${codeIn(answer.json)}`, `${status} ${code}`, 'the answer')
      }
      await ask({ origin }, 401, 'ticket_missing')
      await ask({ ticket: 'x.y.z' }, 401, 'ticket_invalid')
      await ask({ ticket: trial.ticket(), origin: 'https://other.example' }, 403, 'origin_forbidden')
      const foreign = trial.provider === 'openai' ? 'deepgram' : 'openai'
      await ask({ ticket: trial.ticket({ provider: foreign }) }, 403, 'provider_forbidden')
      const ticket = trial.ticket()
      await trial.session({ ticket })
      await ask({ ticket }, 401, 'ticket_used')
    },
  },
  {
    id: 'preview/changes-nothing',
    title: 'Such a GET uses no ticket and dials nobody',
    proves: ['R-HAND-8'],
    async judge(trial) {
      const ticket = trial.ticket()
      const headers = { Authorization: `Bearer ${ticket}` }
      const strays = trial.upstream.strays.length
      for (let index = 0; index < 3; index += 1) await trial.request(PATHS[trial.provider], { headers })
      await fence(trial)
      const dials = trial.upstream.strays
        .slice(strays)
        .filter(({ path, target }) => path === PATHS[trial.provider] && !target.includes(CASE_PARAMETER))
      demandEqual(dials.length, 0, 'the number of connections to the provider')
      await trial.demandSession({ ticket }, 'an upgrade with the ticket')
    },
  },
  {
    id: 'preview/counts-nothing',
    title: 'Such a GET counts against no limit',
    proves: ['R-HAND-8'],
    skip: ({ rateLimit }) => (rateLimit === 0 || rateLimit > 60 ? 'VOICE_AGENT_RATE_LIMIT is over 60' : null),
    async judge(trial) {
      const address = trial.address()
      const headers = { Authorization: `Bearer ${trial.ticket()}` }
      for (let index = 0; index <= trial.settings.rateLimit; index += 1) {
        await trial.request(PATHS[trial.provider], { headers, address })
      }
      await trial.demandSession({ address }, `an upgrade behind ${trial.settings.rateLimit + 1} GETs`)
    },
  },
  {
    id: 'preview/same-origin',
    title: "A GET of the page's own origin, which has no Origin, counts as coming from there",
    proves: ['R-HAND-9'],
    level: 'should',
    async judge(trial) {
      const { host } = new URL(trial.origin)
      const ticket = trial.ticket({ origin: trial.origin })
      const headers = { Host: host, 'Sec-Fetch-Site': 'same-origin', Authorization: `Bearer ${ticket}` }
      const { status, json } = await trial.request(PATHS[trial.provider], { headers })
      demand(status === 426, `the answer was ${status} ${codeIn(json)}`)
    },
  },
]

/** The code of a refusal's body. */
export function codeIn(json: Record<string, unknown> | null): string {
  const error = json?.['error'] as { code?: unknown } | null | undefined
  return typeof error?.code === 'string' ? error.code : ''
}
