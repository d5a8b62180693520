import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RULES } from '../src/rules/index.ts'
import { MUTANTS } from './mutants/faults.ts'
import { judgeMutants } from './support/mutants.ts'

test('Every rule has a mutant', () => {
  const judged = new Set<string>(Object.values(MUTANTS).map(({ rule }) => rule))
  assert.deepEqual(
    RULES.filter(({ id }) => !judged.has(id)).map(({ id }) => id),
    [],
  )
})

judgeMutants(({ long = false, alone = false }) => !long && !alone, 6)
