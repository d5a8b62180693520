import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { NOT_JUDGED, PARTLY_JUDGED } from '../src/not-judged.ts'
import { RULES } from '../src/rules/index.ts'

const PROTOCOL = readFileSync(new URL('../../../PROTOCOL.md', import.meta.url), 'utf8')
const requirements = [...PROTOCOL.matchAll(/^- \*\*(R-[A-Z]+-\d+)\*\*/gm)].map(([, id]) => id!)
const proved = new Set(RULES.flatMap(({ proves }) => proves))

test('Every requirement is proved by a rule or listed with the reason, and not both', () => {
  const neither = requirements.filter((id) => !proved.has(id) && NOT_JUDGED[id] === undefined)
  assert.deepEqual(neither, [])
  assert.deepEqual(
    Object.keys(NOT_JUDGED).filter((id) => proved.has(id) || !requirements.includes(id)),
    [],
  )
})

test('Rules and reasons cite requirements that there are', () => {
  const cited = [...proved, ...Object.keys(PARTLY_JUDGED)]
  assert.deepEqual(
    cited.filter((id) => !requirements.includes(id)),
    [],
  )
  assert.deepEqual(
    Object.keys(PARTLY_JUDGED).filter((id) => !proved.has(id)),
    [],
  )
})

test('No two rules have one id', () => {
  assert.equal(new Set(RULES.map(({ id }) => id)).size, RULES.length)
})
