import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import nodeResolve from '@rollup/plugin-node-resolve'
import terser from '@rollup/plugin-terser'
import esbuild from 'rollup-plugin-esbuild'
import { minifyTemplateLiterals } from 'rollup-plugin-minify-template-literals'

const WORKLETS = ['capture', 'playback', 'recorder']
const path = (relative) => fileURLToPath(new URL(relative, import.meta.url))
const compile = () => esbuild({ target: 'es2022', tsconfig: false })
const minify = (options = {}) =>
  terser({
    module: true,
    ecma: 2022,
    // A function put in where it is used once makes the file shorter, and its gzip longer.
    compress: { passes: 3, keep_fargs: false, pure_getters: true, hoist_props: true, reduce_funcs: false },
    ...options,
  })
const resolve = () => nodeResolve({ browser: true, extensions: ['.ts', '.js', '.mjs'] })

/** Each worklet is one file without imports: what a CSP that allows only the page's own origin can load. */
const worklets = WORKLETS.map((name) => ({
  input: path(`src/audio/worklets/${name}.worklet.ts`),
  plugins: [resolve(), compile(), minify()],
  output: { file: path(`dist/worklets/${name}.js`), format: 'es', sourcemap: true },
}))

/**
 * Gives the audio engine its worklets in the form that fits the bundle, in place of the sources' own
 * `worklet-source.ts`.
 */
function workletSource(code) {
  const file = path('src/audio/worklet-source.ts')
  return {
    name: 'worklet-source',
    load: (id) => (id === file ? { code, moduleType: 'js' } : null),
  }
}

/**
 * The package: real files first, by addresses that are right from every chunk and that bundlers know for assets;
 * for those that lose them, the same code as a string in a chunk of its own.
 */
const FROM_FILES = WORKLETS.map(
  (name) => `
export const ${name}Worklet = {
  name: '${name}',
  url: () => new URL('voicewire:worklets/${name}.js', import.meta.url),
  text: async () => (await import('virtual:inlined-${name}')).default,
}`,
).join('\n')

/** Makes the addresses of the worklets relative to the chunk that they ended up in. */
function workletUrls() {
  return {
    name: 'worklet-urls',
    renderChunk(code, { fileName }) {
      const up = '../'.repeat(fileName.split('/').length - 1) || './'
      return { code: code.replaceAll('voicewire:worklets/', `${up}worklets/`), map: null }
    },
  }
}

/** The single file is its own worklet: no second request, and no blob that a CSP could refuse. */
const FROM_ITSELF = WORKLETS.map(
  (name) => `
export const ${name}Worklet = { name: '${name}', url: () => import.meta.url, text: async () => null }`,
).join('\n')

const INLINED = '\0virtual:inlined-'

/** Each minified worklet as a string, read from the file that was written before. */
function inlinedWorklets() {
  return {
    name: 'inlined-worklets',
    resolveId: (id) => (`\0${id}`.startsWith(INLINED) ? `\0${id}` : null),
    async load(id) {
      if (!id.startsWith(INLINED)) return null
      const code = await readFile(path(`dist/worklets/${id.slice(INLINED.length)}.js`), 'utf8')
      return { code: `export default ${JSON.stringify(withoutMap(code))}`, moduleType: 'js' }
    },
  }
}

function withoutMap(code) {
  return code.replace(/\n\/\/# sourceMappingURL=.*\n?$/, '')
}

/** The words of one language. */
const LOCALE = /\/locales\/\w+\.ts$/

/**
 * What elements have in common is one file: where each piece lay in its own, a bundler would make a file of every
 * combination of them, and a page would ask for a dozen.
 */
const SHARED_BY_ELEMENTS =
  /\/elements\/internal\/(conversation|custom-state|define|frame-loop|icons|lazy-element|locale|localization|page-element|session-(context|controller|element)|styles)\.ts$/

/** Every entry from one graph, so that `.` and `./elements` share one `VoiceSession`. */
const modules = {
  input: {
    index: path('src/index.ts'),
    audio: path('src/audio/index.ts'),
    'elements/index': path('elements/index.ts'),
    'elements/voice-agent': path('elements/voice-agent.ts'),
    'elements/voice-device-select': path('elements/voice-device-select.ts'),
    'elements/voice-meter': path('elements/voice-meter.ts'),
    'elements/voice-mode-button': path('elements/voice-mode-button.ts'),
    'elements/voice-mute-button': path('elements/voice-mute-button.ts'),
    'elements/voice-orb': path('elements/voice-orb.ts'),
    'elements/voice-start-button': path('elements/voice-start-button.ts'),
    'elements/voice-status': path('elements/voice-status.ts'),
    'elements/voice-talk-button': path('elements/voice-talk-button.ts'),
    'elements/voice-text-input': path('elements/voice-text-input.ts'),
    'elements/voice-transcript': path('elements/voice-transcript.ts'),
    'elements/voice-debug': path('elements/voice-debug.ts'),
    'elements/voice-recovery': path('elements/voice-recovery.ts'),
    'elements/voice-tool': path('elements/voice-tool.ts'),
    'elements/voice-volume': path('elements/voice-volume.ts'),
  },
  external: [/^lit($|\/)/, /^nanoevents$/],
  plugins: [
    workletSource(FROM_FILES),
    inlinedWorklets(),
    resolve(),
    minifyTemplateLiterals({ include: ['elements/**'] }),
    compile(),
    workletUrls(),
    minify({ format: { comments: false } }),
  ],
  output: {
    dir: path('dist'),
    format: 'es',
    sourcemap: true,
    manualChunks: (id) => (SHARED_BY_ELEMENTS.test(id) ? 'shared' : null),
    // Not with all that they import, too.
    onlyExplicitManualChunks: true,
    entryFileNames: '[name].js',
    chunkFileNames: ({ moduleIds, isDynamicEntry, name }) => {
      const inlined = moduleIds.find((id) => id.startsWith(INLINED))
      if (inlined) return `chunks/inlined-${inlined.slice(INLINED.length)}.js`
      if (moduleIds.some((id) => LOCALE.test(id))) return 'locales/[name].js'
      // Beside the worklets, which are then beside a bundle too, whose maker copied them there.
      const loadsWorklets = moduleIds.some((id) => id.endsWith('worklet-source.ts'))
      return isDynamicEntry || loadsWorklets ? `${name}.js` : 'chunks/[name]-[hash].js'
    },
  },
}

/** What the elements need: a recorder is for those who import it. */
const OWN_WORKLETS = ['capture', 'playback']

/** Wraps a bundle so that the same file registers the processors when an AudioWorklet loads it. */
function worksAsWorklet() {
  return {
    name: 'works-as-worklet',
    async renderChunk(code) {
      const files = OWN_WORKLETS.map((name) => readFile(path(`dist/worklets/${name}.js`), 'utf8'))
      const processors = (await Promise.all(files)).map((file) => `{${withoutMap(file)}}`).join('')
      return { code: `if(globalThis.registerProcessor){${processors}}else{${code}}`, map: null }
    },
  }
}

/** One file for `<script type="module" src>`: elements, core and Lit. */
const single = {
  input: path('elements/index.ts'),
  // Words of other languages are files beside it; without them it speaks English.
  external: LOCALE,
  plugins: [
    workletSource(FROM_ITSELF),
    resolve(),
    minifyTemplateLiterals({ include: ['elements/**'] }),
    compile(),
    {
      // The file is for a script tag: what it defines are elements, not exports.
      name: 'no-exports',
      renderChunk: (code) => ({ code: code.replace(/^export \{[^}]*\};?\s*$/m, ''), map: null }),
    },
    worksAsWorklet(),
    minify({ format: { comments: false } }),
  ],
  output: {
    file: path('dist/voice-agent.js'),
    format: 'es',
    inlineDynamicImports: true,
    paths: (id) => id.replace(/^.*\/(locales\/\w+)\.ts$/, './$1.js'),
  },
}

/** The core in one file, for pages without a bundler. */
const core = {
  input: path('src/index.ts'),
  plugins: [
    workletSource(FROM_FILES),
    inlinedWorklets(),
    resolve(),
    compile(),
    workletUrls(),
    minify({ format: { comments: false } }),
  ],
  output: { file: path('dist/voicewire.js'), format: 'es', inlineDynamicImports: true, sourcemap: true },
}

/**
 * For tests, and from a graph of its own: sharing modules would cut what pages load into more files. It knows the
 * library's objects by their shape, so that two copies do not matter.
 */
const testing = {
  input: path('src/testing/index.ts'),
  plugins: [resolve(), compile(), minify({ format: { comments: false } })],
  output: { file: path('dist/testing.js'), format: 'es', sourcemap: true },
}

export default [...worklets, modules, single, core, testing]
