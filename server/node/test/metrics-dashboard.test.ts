import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { RelayMetrics } from '../src/metrics/registry.ts'
import { MemoryState } from '../src/state/memory-state.ts'

interface Panel {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly targets?: readonly { readonly expr: string }[]
}

const file = new URL('../dashboards/voicewire-relay.json', import.meta.url)
const dashboard = JSON.parse(readFileSync(file, 'utf8'))
const panels = dashboard.panels as Panel[]
const expressions = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))

/** What a registry exposes, by name and type, in the words of its own text. */
async function exposed(): Promise<Map<string, string>> {
  const metrics = new RelayMetrics(new Set())
  metrics.watchState(new MemoryState())
  const text = await metrics.text()
  return new Map([...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name!, type!]))
}

/** The metrics of an expression; a histogram's by its own name. */
function metricsOf(expression: string): string[] {
  const names = [...expression.matchAll(/\b((?:voicewire_relay|process|nodejs)_\w+)/g)].map(
    ([, name]) => name!,
  )
  return names.map((name) => name.replace(/_bucket$/, ''))
}

test('The dashboard asks for metrics that the registry exposes, and leaves none of the relay out', async () => {
  const known = await exposed()
  const asked = new Set(expressions.flatMap(metricsOf))
  for (const name of asked) assert.ok(known.has(name), name)
  const own = [...known.keys()].filter((name) => name.startsWith('voicewire_relay_'))
  assert.ok(own.length >= 15)
  for (const name of own) assert.ok(asked.has(name), name)
})

test('The dashboard asks each metric as what it is', async () => {
  const known = await exposed()
  for (const expression of expressions) {
    assert.equal(expression.split('(').length, expression.split(')').length, expression)
    for (const name of metricsOf(expression)) {
      const changes = new RegExp(`(rate|increase)\\(${name}(_bucket)?\\{[^}]*\\}\\[\\$__rate_interval\\]\\)`)
      const rising = known.get(name) !== 'gauge'
      assert.equal(changes.test(expression), rising, expression)
      assert.equal(expression.includes(`${name}_bucket`), known.get(name) === 'histogram', expression)
    }
  }
})

test('The dashboard can be imported into any Grafana with a Prometheus', () => {
  const [input] = dashboard.__inputs
  assert.deepEqual([input.name, input.type, input.pluginId], ['DS_PROMETHEUS', 'datasource', 'prometheus'])
  assert.equal(dashboard.id, null)
  assert.ok(dashboard.schemaVersion >= 39)
  const text = JSON.stringify(dashboard)
  for (const [, uid] of text.matchAll(/"uid":"([^"]+)"/g)) {
    assert.ok(uid === ['$', '{', input.name, '}'].join('') || uid === dashboard.uid, uid)
  }
  // Where it is provisioned rather than imported nobody fills in an input: a variable of that name stands in.
  const [variable] = dashboard.templating.list
  assert.deepEqual([variable.name, variable.type, variable.query], [input.name, 'datasource', 'prometheus'])
  assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length)
  const rows = panels.filter(({ type }) => type === 'row').map(({ title }) => title)
  assert.deepEqual(rows, [
    'Sessions',
    'Handshakes',
    'Latency',
    'Bytes and messages',
    'Upstream',
    'Limits',
    'Process',
  ])
})
