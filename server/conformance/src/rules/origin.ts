import type { Rule } from '../rule.ts'

/** From which pages a client may come (R-ORIGIN). */
export const origin: readonly Rule[] = [
  {
    id: 'origin/allowed',
    title: 'A page of each allowed origin is let in',
    proves: ['R-ORIGIN-1'],
    async judge(trial) {
      for (const allowed of trial.settings.origins) await trial.session({ origin: allowed })
    },
  },
  {
    id: 'origin/forbidden',
    title: 'A page of another origin gets 403 origin_forbidden, also with a good ticket',
    proves: ['R-ORIGIN-1'],
    async judge(trial) {
      const others = ['https://other.example', 'null', 'file://']
      for (const other of others) {
        await trial.demandRefused({ origin: other }, 403, 'origin_forbidden', `the origin ${other}`)
      }
    },
  },
  {
    id: 'origin/exact',
    title: 'Origins are compared exactly: no suffix, no prefix, no other scheme or port',
    proves: ['R-ORIGIN-1'],
    async judge(trial) {
      const { protocol, host } = new URL(trial.origin)
      const alike = [
        `${protocol}//${host}.other.example`,
        `${protocol}//other-${host}`,
        `${protocol}//other.${host}`,
        `${protocol === 'https:' ? 'http:' : 'https:'}//${host}`,
        `${protocol}//${host.split(':', 1)[0]}:4444`,
        `${trial.origin}/`,
      ]
      for (const other of alike) {
        await trial.demandRefused({ origin: other }, 403, 'origin_forbidden', `the origin ${other}`)
      }
    },
  },
  {
    id: 'origin/none',
    title: 'A client without an origin must show a ticket, and comes in with one',
    proves: ['R-ORIGIN-3'],
    async judge(trial) {
      await trial.demandRefused({ ticket: null }, 401, 'ticket_missing', 'neither origin nor ticket')
      await trial.session()
    },
  },
]
