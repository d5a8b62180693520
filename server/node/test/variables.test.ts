import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { readConfiguration } from '../src/config.ts'
import { schema } from '../src/config-schema.ts'
import { resolveOptions } from '../src/options.ts'
import { VARIABLES } from '../src/variables.ts'

test('VARIABLES: each is in the README', () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
  for (const name of [...Object.keys(VARIABLES), 'VOICEWIRE_CONFIG']) {
    if (name !== 'NODE_ENV') assert.ok(readme.includes(`\`${name}\``), name)
  }
})

test('VARIABLES: each is in the schema', () => {
  assert.deepEqual(Object.keys(VARIABLES).sort(), Object.keys(schema.shape).sort())
})

test('Defaults of variables are those of the options', () => {
  const { relay } = readConfiguration({
    OPENAI_API_KEY: randomBytes(16).toString('hex'),
    ALLOWED_ORIGINS: 'https://app.example',
    TICKET_SECRET: randomBytes(32).toString('hex'),
  })
  const { openai, allowedOrigins, tickets, ...defaults } = relay
  const resolved = resolveOptions({ allowedOrigins, production: false, ...(tickets && { tickets }) })
  assert.ok(openai)
  assert.deepEqual(Object.keys(defaults).length > 8, true)
  for (const [name, value] of Object.entries(defaults)) {
    assert.deepEqual(value, resolved[name as keyof typeof resolved], name)
  }
})
