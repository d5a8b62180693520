import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { corpus, findBreak } from './support/fuzz.ts'
import { messages } from './support/inputs.ts'

const known = [{ type: 'update', session: { voice: 'marin' } }]

/** Parsers with a fault as one might write it, and what each would let through. */
const FAULTY: Readonly<Record<string, (text: string) => void>> = {
  'throws at a field of another type': (text) => {
    const { session } = readObject(text)
    String((session as { voice?: unknown } | undefined)?.voice)
  },
  'loses what comes behind an escape': (text) => {
    if (!text.startsWith('{"type":"update"')) return
    const quoted = JSON.stringify(JSON.parse(text))
    assert.equal(quoted.replace(/\\u[\da-f]{4}/g, ''), quoted)
  },
  'takes a name of every object for its own': (text) => {
    for (const name of Object.keys(readObject(text))) assert.ok(!(name in {}) || name === 'toString')
  },
}

for (const [fault, parse] of Object.entries(FAULTY)) {
  test(`findBreak() finds a parser that ${fault}`, async () => {
    const found = await findBreak({ inputs: messages(known), runs: 20_000, check: parse }, 1)
    assert.ok(found !== null)
    // It is as small as it goes: whoever reads it sees the fault.
    assert.ok(JSON.stringify(found.input).length < 200, JSON.stringify(found.input))
    assert.throws(() => parse(found.input))
  })
}

test('findBreak() finds nothing in a parser without a fault', async () => {
  assert.equal(
    await findBreak({ inputs: fc.string(), runs: 500, check: (text) => void readObject(text) }, 1),
    null,
  )
})

test('corpus() refuses a parser that has no cases', () => {
  assert.throws(() => corpus('no-such-parser'), /must have cases/)
})

function readObject(text: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(text)) as Record<string, unknown>
  } catch {
    return {}
  }
}
