import { judgeMutants } from './support/mutants.ts'

// They do little but wait, so all of them can at the same time.
judgeMutants(({ long = false }) => long, 20)
