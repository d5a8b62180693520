import type { Rule } from '../rule.ts'
import { auth } from './auth.ts'
import { closes } from './closes.ts'
import { drain } from './drain.ts'
import { early } from './early.ts'
import { flow } from './flow.ts'
import { forwarding } from './forwarding.ts'
import { handshake } from './handshake.ts'
import { hostile } from './hostile.ts'
import { http } from './http.ts'
import { life } from './life.ts'
import { limits } from './limits.ts'
import { notices } from './notices.ts'
import { origin } from './origin.ts'
import { paths } from './paths.ts'
import { preview } from './preview.ts'
import { service } from './service.ts'
import { tickets } from './tickets.ts'
import { upstream } from './upstream.ts'

/** All rules, by topic; the last one ends the relay. */
export const RULES: readonly Rule[] = [
  ...handshake,
  ...preview,
  ...paths,
  ...origin,
  ...tickets,
  ...auth,
  ...upstream,
  ...forwarding,
  ...early,
  ...hostile,
  ...flow,
  ...closes,
  ...notices,
  ...life,
  ...limits,
  ...http,
  ...service,
  ...drain,
]
