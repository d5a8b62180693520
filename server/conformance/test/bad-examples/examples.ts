import type { Fault } from '../mutants/faults.ts'

/** Something like what is found in the field: what it does wrong, and which rules say so, with the reason. */
export interface Example {
  readonly name: string
  readonly faults: readonly Fault[]
  readonly fails: Readonly<Record<string, string>>
}

export const EXAMPLES: readonly [Example, ...Example[]] = [
  { name: 'A consumer as samples have it', faults: [], fails: {} },
  { name: 'An open relay', faults: ['open-to-all'], fails: {} },
  {
    name: 'A relay that turns text into binary, drops its clients and answers with their secret',
    faults: ['text-up-as-binary', 'text-down-as-binary', 'drops-clients', 'selects-secrets'],
    fails: {},
  },
]
