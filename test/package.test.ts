import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { apiReport, REPORT } from '../scripts/api-report.mjs'

const ROOT = new URL('../', import.meta.url)
const { exports } = JSON.parse(readFileSync(new URL('package.json', ROOT), 'utf8')) as {
  exports: Record<string, string | { types: string; default: string }>
}

/** Under the name that users import; the package can import itself by it. */
const load = (specifier: string): Promise<Record<string, unknown>> => import(specifier)

test('package: every entry can be imported on a server, where nothing happens', async () => {
  const before = Object.keys(globalThis)
  const core = await load('voicewire')
  const elements = await load('voicewire/elements')
  await load('voicewire/elements/voice-agent.js')
  await load('voicewire/audio')
  const testing = await load('voicewire/testing')
  assert.equal(typeof core['VoiceSession'], 'function')
  assert.equal(typeof elements['VoiceAgent'], 'function')
  assert.equal(typeof testing['ScriptedSocket'], 'function')
  assert.deepEqual(
    // Lit itself leaves its version, and on a server a registry of elements.
    Object.keys(globalThis).filter(
      (name) => !before.includes(name) && !/^(lit|reactive|customElements$)/.test(name),
    ),
    [],
  )
})

test('package: voicewire/audio works without a browser', async () => {
  const { Resampler, encodePCM16, decodePCM16, encodeMulaw, decodeMulaw, encodeAlaw, decodeAlaw } =
    (await load('voicewire/audio')) as unknown as typeof import('../src/audio/index.ts')
  const output = new Resampler({ inputRate: 48_000, outputRate: 16_000 }).process(
    new Float32Array(480).fill(0.5),
  )
  assert.equal(output.length, 160)
  const pcm = encodePCM16(output)
  assert.deepEqual(encodePCM16(decodePCM16(pcm)), pcm)
  assert.equal(decodeMulaw(encodeMulaw(pcm)).length, 160)
  assert.equal(decodeAlaw(encodeAlaw(pcm)).length, 160)
})

test('package: the names that users import are there', async () => {
  const core = await load('voicewire')
  const names = ['VoiceSession', 'TokenClient', 'VoiceError', 'OpenAIRealtime', 'DeepgramAgent']
  for (const name of [...names, 'DeepgramListen', 'DeepgramFlux']) {
    assert.equal(typeof core[name], 'function', name)
  }
})

test('package: the public API is the one that was reviewed, and types everything', () => {
  const report = apiReport()
  assert.doesNotMatch(report, /\bany\b/)
  assert.equal(report, readFileSync(REPORT, 'utf8'), 'Run `npm run api`, and look at what changed')
})

test('package: every file that an entry names exists, types too', () => {
  const paths = Object.values(exports).flatMap((entry) =>
    typeof entry === 'string' ? entry : Object.values(entry),
  )
  for (const path of paths) {
    const example = path.replace('*', path.includes('worklets') ? 'capture' : 'voice-agent')
    assert.ok(readFileSync(fileURLToPath(new URL(example, ROOT))).length > 0, path)
  }
})

test('package: declarations name files that a package has', () => {
  const text = readFileSync(new URL('dist/types/src/index.d.ts', ROOT), 'utf8')
  assert.doesNotMatch(text, /from '[^']*\.ts'/)
})

test('package: the worklets lie where each chunk looks for them, named in full so that bundlers find them', () => {
  const found = globSync('dist/**/*.js', { cwd: ROOT }).flatMap((file) => {
    const text = readFileSync(new URL(file, ROOT), 'utf8')
    return [...text.matchAll(/new URL\("([^"]*worklets[^"]*)",import\.meta\.url\)/g)].map(
      ([, path = '']) => new URL(path, new URL(file, ROOT)),
    )
  })
  const files = new Set(found.map(({ pathname }) => basename(pathname)))
  assert.deepEqual([...files].sort(), ['capture.js', 'playback.js', 'recorder.js'])
  for (const url of found) assert.ok(existsSync(url), url.pathname)
})
