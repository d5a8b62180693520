/**
 * What `import` brings is what a page loads; the engines follow when a conversation starts, the tool runner where there
 * are tools, and the worklets' code as a string only where the files beside the package cannot be had.
 */
const LAZY = [
  ...['audio-engine', 'session-engine', 'tool-runner'].flatMap((name) => [`./${name}.js`, `../${name}.js`]),
  './chunks/inlined-*.js',
]

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

/** What it shares with the core is there already. */
const lazy = (name, path, limit) =>
  entry(name, path, limit, {
    modifyEsbuildConfig: (config) => esbuild({ ...config, external: ['./chunks/*.js'] }),
  })

export default [
  entry('core with one provider', 'dist/index.js', '12 kB', { import: '{ VoiceSession, OpenAIRealtime }' }),
  lazy('the session engine, loaded when a conversation starts', 'dist/session-engine.js', '8 kB'),
  lazy('the audio engine, loaded with it', 'dist/audio-engine.js', '8.5 kB'),
  lazy('the tool runner, loaded where there are tools', 'dist/tool-runner.js', '2 kB'),
  entry('voicewire/elements, Lit included', 'dist/elements/index.js', '28.5 kB'),
  entry('voicewire/audio', 'dist/audio.js', '5.5 kB'),
  entry('the Resampler alone', 'dist/audio.js', '1.2 kB', { import: '{ Resampler }' }),
  entry('the LocalSpeechDetector alone', 'dist/audio.js', '1.5 kB', { import: '{ LocalSpeechDetector }' }),
  entry('voicewire/testing', 'dist/testing.js', '9 kB'),
  entry('dist/voice-agent.js, the one file for a script tag', 'dist/voice-agent.js', '50 kB'),
  entry('worklets/capture.js, loaded by the microphone', 'dist/worklets/capture.js', '2 kB'),
  entry('worklets/playback.js, loaded by the speaker', 'dist/worklets/playback.js', '4 kB'),
  entry('worklets/recorder.js, loaded by a Recorder', 'dist/worklets/recorder.js', '2 kB'),
]
