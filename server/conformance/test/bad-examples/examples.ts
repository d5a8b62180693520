import type { Fault } from '../mutants/faults.ts'

/** Something like what is found in the field: what it does wrong, and which rules say so, each with the reason. */
export interface Example {
  readonly name: string
  /** Of the reference relay; the first example is a server of its own. */
  readonly faults: readonly Fault[]
  readonly fails: Readonly<Record<string, string>>
}

const CLIENT_HANGS = 'the consumer never hears that the provider is gone'
const PROVIDER_STAYS = 'nobody closes the connection to the provider'
const SHARED = 'the second client talks into the connection of the first'
const NOBODY_REFUSED = 'there is nobody whom it refuses'

export const EXAMPLES: readonly [Example, ...Example[]] = [
  {
    name: 'A consumer as samples have it',
    faults: [],
    fails: {
      'upstream/own-parameters': 'the whole query is passed on, token and all',
      'forwarding/text-down': 'whatever comes is sent as bytes',
      'forwarding/one-each': SHARED,
      'early/kept': 'what comes before the provider has answered is lost',
      'hostile/others-served': SHARED,
      'close/client-closes': PROVIDER_STAYS,
      'close/provider-closes': CLIENT_HANGS,
      'close/client-dies': PROVIDER_STAYS,
      'close/provider-dies': CLIENT_HANGS,
      'close/lost-provider-1011': CLIENT_HANGS,
      'close/sane-codes': 'neither side hears of the other',
    },
  },
  {
    name: 'An open relay without a check of origins',
    faults: ['open-to-all'],
    fails: {
      'handshake/refusal-closes': NOBODY_REFUSED,
      'preview/refusals': NOBODY_REFUSED,
      'origin/forbidden': 'pages of any origin are let in',
      'origin/exact': 'pages of any origin are let in',
      'origin/none': 'a client that is no page is let in without a ticket',
      'tickets/missing': 'a page is let in without a ticket',
      'tickets/kept-by-refusals': 'another origin is let in, and uses the ticket up',
      'auth/before-dialling': 'the provider is dialled for everybody',
      'auth/order': NOBODY_REFUSED,
      'auth/application': 'a cookie from any page is enough',
      'http/refusal-body': NOBODY_REFUSED,
      'http/refusal-headers': NOBODY_REFUSED,
    },
  },
  {
    name: 'A relay that turns text into binary, drops its clients and answers with their secret',
    faults: ['text-up-as-binary', 'text-down-as-binary', 'drops-clients', 'selects-secrets'],
    fails: {
      'handshake/no-secret-selected': 'the ticket is echoed as the subprotocol',
      'forwarding/text-up': 'buffers are sent as binary messages',
      'forwarding/text-down': 'buffers are sent as binary messages',
      'close/lost-provider-1011': 'the client sees 1006',
      'close/upstream-lost': 'the client is told nothing',
    },
  },
]
