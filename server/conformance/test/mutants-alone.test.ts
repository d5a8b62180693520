import { judgeMutants } from './support/mutants.ts'

// They send much, which others that wait for an answer would feel.
judgeMutants(({ alone = false }) => alone, 1)
