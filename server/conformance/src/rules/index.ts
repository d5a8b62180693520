import type { Rule } from '../rule.ts'
import { auth } from './auth.ts'
import { closes } from './closes.ts'
import { early } from './early.ts'
import { forwarding } from './forwarding.ts'
import { handshake } from './handshake.ts'
import { origin } from './origin.ts'
import { tickets } from './tickets.ts'

/** All rules, by topic. */
export const RULES: readonly Rule[] = [
  ...handshake,
  ...origin,
  ...tickets,
  ...auth,
  ...forwarding,
  ...early,
  ...closes,
]
