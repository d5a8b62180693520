/** The worklets' code as a string: loaded only where the files beside the package cannot be. */
const LAZY = ['*/worklets-inlined.js']

/** What a bundler makes of an import; measured without what loads later, or not at all. */
const esbuild = (config) => ({
  ...config,
  format: 'esm',
  external: [...(config.external ?? []), ...LAZY],
  logLevel: 'error',
})

const entry = (name, path, limit, more = {}) => ({
  name,
  path,
  limit,
  gzip: true,
  modifyEsbuildConfig: esbuild,
  ...more,
})

export default [
  entry('core with one provider', 'dist/index.js', '12 kB', { import: '{ VoiceSession, OpenAIRealtime }' }),
  entry('voicewire/elements, Lit included', 'dist/elements/index.js', '26 kB'),
  entry('voicewire/audio', 'dist/audio.js', '3 kB'),
  entry('dist/voice-agent.js, the one file for a script tag', 'dist/voice-agent.js', '31 kB'),
  entry('worklets/capture.js, loaded by the microphone', 'dist/worklets/capture.js', '2 kB'),
  entry('worklets/playback.js, loaded by the speaker', 'dist/worklets/playback.js', '3.5 kB'),
  entry(
    'chunks/worklets-inlined.js, loaded only in place of those two',
    'dist/chunks/worklets-inlined.js',
    '5 kB',
  ),
]
