import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type Certificate, makeCertificate } from '../../bench/relay/certificates.ts'
import { pythonEnvironment } from '../../scripts/python.mjs'
import { ELSEWHERE, isShown } from './commands.ts'
import { parseData } from './data.ts'
import { brokenLinks } from './links.ts'
import { type Document, readMarkdown } from './markdown.ts'
import { runNodeModules } from './node-modules.ts'
import { runPages } from './pages.ts'
import { type Problem, problemIn, show } from './problem.ts'
import { environmentNameOf, projectFiles, runPython } from './python.ts'
import { startRegistry } from './registry.ts'
import { startCommandPeers } from './relay.ts'
import { commandsOf, runShell } from './shell.ts'
import { type Family, isForNode, makeSnippets, type Snippet } from './snippet.ts'
import { checkTypes } from './types.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** What is written for users and contributors. */
const DOCUMENTS = ['*.md', 'docs/**/*.md', 'server/*/README.md', 'bench/README.md']

/** Documents each of whose blocks must be found wrong. */
const BROKEN = ['test/docs/broken/*.md']

/** The packages of this repository by their folders. */
const PACKAGES = {
  voicewire: '',
  'voicewire-relay': 'server/node',
  'voicewire-emulator': 'server/emulator',
  'voicewire-conformance': 'server/conformance',
}

const documents = read(DOCUMENTS)
const broken = read(BROKEN)
const blocks = [...documents, ...broken].flatMap((document) => document.blocks)

/** Inside the repository, where its packages are found by their names. */
const inside = join(ROOT, '.cache', 'docs')
/** Outside of it, where nothing is found but what is installed. */
const outside = mkdtempSync(join(tmpdir(), 'voicewire-docs-'))
let problems: readonly Problem[] = []
const durations: string[] = []

function read(patterns: readonly string[]): Document[] {
  const paths = globSync(patterns, {
    cwd: ROOT,
    // Of docs/, what is generated repeats the sources and other documents.
    exclude: (path) => /(^|\/)(node_modules|dist|\.\w+)$|^docs\/(reference|source)$/.test(path),
  })
  return paths.sort().map((path) => readMarkdown(path, readFileSync(join(ROOT, path), 'utf8')))
}

before(
  async () => {
    mkdirSync(inside, { recursive: true })
    const { snippets, problems: found } = makeSnippets(blocks)
    const own = snippets.filter(({ block }) => block.sameAs === undefined)
    const certificate = await makeCertificate(outside)
    const of = (...families: Family[]) => own.filter(({ family }) => families.includes(family))
    const scripts = of('script', 'component')
    problems = [
      ...found,
      ...brokenLinks(ROOT, [...documents, ...broken]),
      ...copies(snippets),
      ...parseData(of('data'), { folder: join(outside, 'data'), certificate }),
      ...(
        await Promise.all([
          timed('types', checkTypes(join(inside, 'types'), scripts)),
          timed('pages', runPages([...scripts.filter((one) => !isForNode(one)), ...of('html')], certificate)),
          timed('modules for Node', runNodeModules(join(inside, 'node'), scripts.filter(isForNode))),
          timed('Python', runPython(join(outside, 'python'), of('python'))),
          timed('commands', runCommands(of('shell'), of('python'), certificate)),
        ])
      ).flat(),
    ]
  },
  { timeout: 400_000 },
)
after(() => rmSync(outside, { recursive: true, force: true }))

/** Notes how long something took, from the start of all. */
async function timed<Result>(what: string, result: Promise<Result>): Promise<Result> {
  const started = performance.now()
  await result
  durations.push(`${what}: ${((performance.now() - started) / 1000).toFixed(1)} s`)
  return result
}

/** Blocks that differ from the file that they repeat. */
function copies(snippets: readonly Snippet[]): Problem[] {
  const differ = snippets.filter(({ block: { sameAs, code } }) => {
    if (sameAs === undefined) return false
    const file = join(ROOT, sameAs)
    return !existsSync(file) || readFileSync(file, 'utf8') !== code
  })
  return differ.map(({ block }) => problemIn(block, `it is not the same as ${block.sameAs}`))
}

async function runCommands(
  snippets: readonly Snippet[],
  python: readonly Snippet[],
  certificate: Certificate,
): Promise<Problem[]> {
  const [registry, peers] = await Promise.all([
    startRegistry(ROOT, PACKAGES, outside),
    startCommandPeers(certificate),
  ])
  const npm = {
    npm_config_registry: registry.url,
    npm_config_cache: join(outside, 'npm'),
    npm_config_audit: 'false',
  }
  const project = join(outside, 'project')
  mkdirSync(project)
  writeFileSync(join(project, 'package.json'), '{ "private": true, "type": "module" }')
  writeFileSync(join(outside, '.curlrc'), peers.curlrc)
  try {
    const env = { ...process.env, ...npm }
    await promisify(execFile)('npm', ['install', ...Object.keys(PACKAGES)], { cwd: project, env })
    return await runShell(snippets, {
      root: ROOT,
      folder: join(outside, 'shell'),
      project,
      env: { ...peers.env, ...npm, CURL_HOME: outside },
      pythonFor,
      filesOf: (document) => projectFiles(python.filter(({ block }) => block.document === document)),
    })
  } finally {
    registry.close()
    await peers.close()
  }
}

/** @returns The folder of the programs that a block needs; '' where it needs none of Python, null where there is none. */
function pythonFor(snippet: Snippet): string | null {
  if (!/\b(python|pip|uvicorn|daphne|gunicorn)\b/.test(snippet.code)) return ''
  const { program, missing } = pythonEnvironment(environmentNameOf(snippet))
  return missing === undefined ? join(program('python'), '..') : null
}

for (const { path, blocks: own } of documents) {
  const run = own.filter(({ notRun }) => notRun === undefined).length
  test(`${path}: its links lead somewhere, and its blocks of code work as written (${run})`, () => {
    assert.deepEqual(problems.filter(({ document }) => document === path).map(show), [])
  })
}

test('Commands that are run elsewhere are run there, and stand in a document', () => {
  const { snippets } = makeSnippets(documents.flatMap((document) => document.blocks))
  const commands = snippets.filter(({ family }) => family === 'shell').flatMap(({ code }) => commandsOf(code))
  const written = new Set(commands.map(({ text }) => text))
  assert.deepEqual(
    Object.keys(ELSEWHERE).filter((command) => !written.has(command)),
    [],
  )
  const shown = Object.values(ELSEWHERE)
  assert.deepEqual(
    shown.filter((elsewhere) => !isShown(ROOT, elsewhere)),
    [],
  )
  for (const { file } of shown) assert.ok(!isShown(ROOT, { file, holds: ['npx nobody-knows-this'] }))
  assert.ok(!isShown(ROOT, { file: 'test/nowhere.ts', holds: [] }))
})

test('Blocks that are not run say why', (t) => {
  t.diagnostic(durations.join(', '))
  for (const block of blocks) {
    if (block.notRun !== undefined) t.diagnostic(`not run: ${block.document}:${block.line}: ${block.notRun}`)
  }
  for (const name of ['fastapi', 'django']) {
    const { missing } = pythonEnvironment(name)
    if (missing !== undefined) t.diagnostic(`not run: blocks for ${name}: ${missing}`)
  }
})

const withoutPython = pythonEnvironment('fastapi').missing
for (const { path, blocks: own } of broken) {
  for (const { line, language, code, fails } of own) {
    // What Python finds cannot be told where there is none, which is said above.
    const skip =
      withoutPython !== undefined && /^(python$|pip )/.test(language === 'python' ? language : code)
    test(`${path}:${line}: it is told what is wrong with this ${language || 'block'}`, { skip }, () => {
      const end = line + code.split('\n').length
      const told = problems
        .filter((one) => one.document === path && one.line >= line && one.line <= end)
        .map(show)
      assert.ok(
        fails !== undefined && told.some((message) => message.includes(fails)),
        told.join('\n') || 'nothing',
      )
    })
  }
}

test('Links that lead nowhere are told, each at its line', () => {
  const told = problems.filter(({ document }) => document === 'test/docs/broken/links.md').map(show)
  const links = ['nothing.md', '#nothing', '../../../README.md#nothing', 'nothing.png', 'no-image.png']
  assert.equal(told.length, links.length)
  for (const [index, link] of links.entries()) {
    assert.ok(told[index]?.startsWith(`test/docs/broken/links.md:3: the link to ${link} `), told[index])
  }
})
