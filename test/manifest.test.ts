import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { test } from 'node:test'

const ROOT = new URL('../', import.meta.url)

function read<T>(path: string): T {
  return JSON.parse(readFileSync(new URL(path, ROOT), 'utf8')) as T
}

interface Named {
  readonly name: string
}

interface Attribute extends Named {
  readonly fieldName: string
  readonly type: { readonly text: string }
  readonly default?: string
  readonly reflects?: boolean
}

interface Declaration extends Named {
  readonly tagName: string
  readonly attributes?: readonly Attribute[]
  readonly members?: readonly Named[]
  readonly events?: readonly Named[]
  readonly cssStates?: readonly Named[]
}

interface Module {
  readonly path: string
  readonly declarations: readonly Declaration[]
}

const { modules } = read<{ modules: readonly Module[] }>('custom-elements.json')
const elements = modules.flatMap(({ declarations }) => declarations)
const agent = elements.find(({ tagName }) => tagName === 'voice-agent')!

test('manifest: it has every element that a source defines, in a file of the package', () => {
  const sources = globSync('elements/**/*.ts', { cwd: ROOT })
    .map((file) => readFileSync(new URL(file, ROOT), 'utf8'))
    .flatMap((text) => [...text.matchAll(/^define\('([\w-]+)'/gm)].map(([, tag]) => tag))
  assert.deepEqual(elements.map(({ tagName }) => tagName).sort(), sources.sort())
  for (const { path } of modules) assert.ok(existsSync(new URL(path, ROOT)), path)
})

test('manifest: it has nothing that a page cannot use', () => {
  const names = elements.flatMap(({ members = [] }) => members.map(({ name }) => name))
  for (const name of ['#conversation', 'conversation', 'words', 'render', 'disconnectedCallback', 'styles']) {
    assert.ok(!names.includes(name), name)
  }
})

test('manifest: the attributes of each element are those that it observes', async () => {
  for (const { path, declarations } of modules) {
    const module = (await import(new URL(path, ROOT).href)) as Record<
      string,
      { observedAttributes: string[] }
    >
    for (const { name, attributes = [] } of declarations) {
      assert.deepEqual(
        attributes.map((each) => each.name).sort(),
        module[name]!.observedAttributes.sort(),
        name,
      )
    }
  }
})

test('manifest: an attribute has its values, its default and whether it is reflected', () => {
  const attribute = (name: string) => agent.attributes?.find((each) => each.name === name)
  const { description, ...provider } = attribute('provider') as Attribute & { description: string }
  assert.match(description, /openai/)
  assert.deepEqual(provider, {
    name: 'provider',
    fieldName: 'provider',
    type: {
      text: "'openai-realtime' | 'openai' | 'deepgram-agent' | 'deepgram' | 'deepgram-listen' | 'deepgram-flux'",
    },
    default: "'openai-realtime'",
    reflects: true,
  })
  assert.equal(attribute('proxy-endpoint')?.type.text, 'string')
  assert.equal(attribute('muted')?.type.text, 'boolean')
  // A key must not show in the page's source.
  assert.equal(attribute('api-key')?.reflects, undefined)
})

test('manifest: every state of a session is a state of the element', () => {
  const states = agent.cssStates?.map(({ name }) => name)
  const declared = readFileSync(new URL('src/events.ts', ROOT), 'utf8').match(
    /^export type (Session|Agent)State = .*$/gm,
  )
  const names = declared?.flatMap((line) => [...line.matchAll(/'(\w+)'/g)].map(([, name]) => name)) ?? []
  assert.equal(names.length, 9)
  assert.deepEqual(
    names.filter((name) => !states?.includes(name!)),
    [],
  )
})

test('manifest: editors complete the values of an attribute, and what CSS can reach', () => {
  interface Html {
    tags: readonly {
      name: string
      attributes: readonly (Named & { values?: Named[]; valueSet?: string })[]
    }[]
  }
  const html = read<Html>('dist/editors/vscode.html-custom-data.json')
  const attributes = html.tags.find(({ name }) => name === 'voice-agent')?.attributes
  const values = attributes?.find(({ name }) => name === 'token-transport')?.values
  assert.deepEqual(values, [{ name: 'subprotocol' }, { name: 'query' }])
  assert.equal(attributes?.find(({ name }) => name === 'muted')?.valueSet, 'v')
  assert.equal(attributes?.find(({ name }) => name === 'model')?.values, undefined)

  const css = read<Record<string, readonly Named[]>>('dist/editors/vscode.css-custom-data.json')
  for (const [kind, name] of [
    ['properties', '--voicewire-accent'],
    ['pseudoClasses', ':state(speaking)'],
    ['pseudoElements', '::part(panel)'],
  ] as const) {
    assert.equal(css[kind]?.filter((each) => each.name === name).length, 1, name)
  }
})

test('manifest: package.json says where it and what is made of it are', () => {
  const { customElements, 'web-types': webTypes } = read<Record<string, string>>('package.json')
  assert.ok(existsSync(new URL(customElements!, ROOT)))
  const { contributions, name } = read<{
    name: string
    contributions: { html: { elements: readonly { name: string; js: { events: readonly Named[] } }[] } }
  }>(webTypes!)
  assert.equal(name, 'voicewire')
  const described = contributions.html.elements.find((each) => each.name === 'voice-agent')
  assert.deepEqual(
    described?.js.events.map((event) => event.name),
    agent.events?.map((event) => event.name),
  )
})
