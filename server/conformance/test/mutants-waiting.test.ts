import { judgeMutants } from './support/mutants.ts'

// They do little but wait, so several of them can at the same time; all at once they begin by keeping each other.
judgeMutants(({ long = false }) => long, 6)
