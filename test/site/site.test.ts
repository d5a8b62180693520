import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

/** What `npm run docs` has built; the part `docs` of the tests builds it before. */
const SITE = fileURLToPath(new URL('../../.cache/docs', import.meta.url))
const ROOT = new URL('../../', import.meta.url)

const pages = new Map(
  globSync('**/*.html', { cwd: SITE }).map((page) => [page, readFileSync(`${SITE}/${page}`, 'utf8')]),
)
const files = new Set(globSync('**/*', { cwd: SITE }))

interface Element {
  readonly name: string
  readonly tagName?: string
  readonly attributes?: readonly { readonly name: string }[]
  readonly events?: readonly { readonly name: string }[]
  readonly cssParts?: readonly { readonly name: string }[]
  readonly cssProperties?: readonly { readonly name: string }[]
}

/** @returns The elements in the manifest. */
function elements(): Element[] {
  const manifest = JSON.parse(readFileSync(new URL('custom-elements.json', ROOT), 'utf8')) as {
    readonly modules: readonly { readonly declarations: readonly Element[] }[]
  }
  return manifest.modules.flatMap(({ declarations }) => declarations).filter(({ tagName }) => tagName)
}

/** @returns The values of an attribute in a page, as they are meant. */
function values(html: string, attribute: string): string[] {
  const found = html.matchAll(new RegExp(`\\s${attribute}="([^"]*)"`, 'g'))
  return [...found].map(([, value = '']) => value.replaceAll('&amp;', '&'))
}

/** @returns The file that a link within the site means, and the place in it; null for a link that leads elsewhere. */
function target(page: string, href: string): { file: string; hash: string } | null {
  if (/^[a-z][a-z+.-]*:|^\/\//i.test(href)) return null
  const [path = '', hash = ''] = href.split('#')
  const joined = path.startsWith('/') ? path.slice(1) : posix.join(posix.dirname(page), path)
  const file = path === '' ? page : decodeURIComponent(joined)
  return {
    file: file === '' || file.endsWith('/') ? `${file}index.html` : file,
    hash: decodeURIComponent(hash),
  }
}

test('site: every link leads to a page, and to a place in it, that there is', () => {
  assert.ok(pages.size > 30, `${pages.size} pages`)
  const places = new Map([...pages].map(([page, html]) => [page, new Set(values(html, 'id'))]))
  const dead: string[] = []
  let links = 0
  for (const [page, html] of pages) {
    for (const href of new Set(values(html, 'href'))) {
      const to = target(page, href)
      if (!to) continue
      links++
      const exists = files.has(to.file) && (to.hash === '' || places.get(to.file)?.has(to.hash))
      if (!exists) dead.push(`${page}: ${href}`)
    }
  }
  assert.ok(links > 500, `${links} links`)
  assert.deepEqual(dead, [])
})

test('site: a page loads nothing from elsewhere', () => {
  const loaded =
    /<(?:script|img|iframe|source|link|video|audio)\b[^>]*?\s(?:src|srcset|href)="((?:https?:)?\/\/[^"]*)"/g
  for (const [page, html] of pages) {
    assert.deepEqual(
      [...html.matchAll(loaded)].map(([, url]) => url),
      [],
      page,
    )
  }
  const styles = globSync('**/*.css', { cwd: SITE }).map((file) => readFileSync(`${SITE}/${file}`, 'utf8'))
  assert.ok(styles.length > 0)
  for (const style of styles) assert.doesNotMatch(style, /url\(["']?(https?:)?\/\/|@import/)
})

test('site: every code of VoiceError is explained, with what the code says of it', () => {
  const html = pages.get('errors.html') ?? ''
  const source = readFileSync(new URL('src/errors.ts', ROOT), 'utf8')
  const [, union = ''] = /export type VoiceErrorCode =([^/]*)/.exec(source) ?? []
  const codes = [...union.matchAll(/'([\w-]+)'/g)].map(([, code = '']) => code)
  assert.ok(codes.length > 30, `${codes.length} codes`)
  const document = readFileSync(new URL('docs/errors.md', ROOT), 'utf8')
  const headings = [...document.matchAll(/^### `([\w-]+)`\n\n(?=\S)/gm)].map(([, code]) => code)
  assert.deepEqual(
    headings,
    codes,
    'docs/errors.md has a heading and a cause for each code, in the order of src',
  )
  for (const code of codes) {
    const [, section = ''] = html.split(`id="${code}"`)
    assert.match(section.slice(0, 2000), /Phase <code>[\s\S]*Hint:/, code)
  }
})

test('site: every code of a relay is told, and which VoiceError it becomes', () => {
  const html = pages.get('errors.html') ?? ''
  const [, section = ''] = readFileSync(new URL('PROTOCOL.md', ROOT), 'utf8').split('## 20. Codes')
  const codes = [...section.matchAll(/^\| `(\w+)`/gm)].map(([, code = '']) => code)
  assert.ok(codes.length > 40, `${codes.length} codes`)
  for (const code of codes) {
    const row = html.split('<tr').find((text) => text.includes(`<td><code>${code}</code></td>`)) ?? ''
    assert.match(row, /href="#[\w-]+"/, code)
  }
})

test('site: every event of a session has its place, and every warning is told', () => {
  const html = pages.get('events.html') ?? ''
  const source = readFileSync(new URL('src/events.ts', ROOT), 'utf8')
  const [, map = ''] = source.split('export interface VoiceEventMap')
  const events = [...map.matchAll(/^ {2}(\w+): /gm)].map(([, name = '']) => name)
  assert.ok(events.length > 10, `${events.length} events`)
  for (const event of events) assert.match(html, new RegExp(`<h2 id="${event}"`), event)
  const [table = ''] = source.split('export interface VoiceWarning')
  const codes = [...table.matchAll(/^ \* \| `([\w-]+)`/gm)].map(([, code = '']) => code)
  assert.ok(codes.length > 15, `${codes.length} codes`)
  for (const code of codes) assert.ok(html.includes(`<td><code>${code}</code></td>`), code)
})

test('site: every element, and all that a page can use of it, is in the reference', () => {
  const all = elements()
  assert.ok(all.length > 10)
  for (const element of all) {
    const html = pages.get(`reference/elements/${element.tagName}.html`) ?? ''
    const { attributes = [], events = [], cssParts = [], cssProperties = [] } = element
    for (const { name } of [...attributes, ...events, ...cssParts, ...cssProperties]) {
      assert.ok(html.includes(`<td><code>${name}</code></td>`), `${element.tagName}: ${name}`)
    }
  }
})

test('site: every name that users can import is in the reference of the API', () => {
  const report = readFileSync(new URL('docs/api-report.txt', ROOT), 'utf8')
  const ofElements = new Set(elements().map(({ name }) => name))
  let entry = ''
  let names = 0
  for (const line of report.split('\n')) {
    entry = /^## (\S+)/.exec(line)?.[1] ?? entry
    const [, name] =
      /^export (?:declare )?(?:abstract )?(?:class|interface|type|function|const) (\w+)/.exec(line) ?? []
    // Those have a reference of their own.
    if (!name || ofElements.has(name)) continue
    names++
    const html = pages.get(`reference/api/${entry.replace('/', '-')}.html`) ?? ''
    assert.match(html, new RegExp(`<h3 id="${name.toLowerCase()}(-\\d+)?"`), `${entry}: ${name}`)
  }
  assert.ok(names > 100, `${names} names`)
})

test('site: every document can be reached by the navigation', () => {
  const documents = globSync('docs/**/*.md', {
    cwd: ROOT,
    exclude: ['docs/node_modules/**', 'docs/reference/**', 'docs/source/**'],
  }).map((path) => path.slice('docs/'.length).replace(/\.md$/, '.html'))
  const links = new Set(values(pages.get('concepts.html') ?? '', 'href'))
  assert.ok(documents.length > 20)
  for (const page of documents.filter((name) => name !== 'index.html')) assert.ok(links.has(`/${page}`), page)
})
