/**
 * What `import` brings is what a page loads; the engines follow when a conversation starts, the tool runner where there
 * are tools, and the worklets' code as a string only where the files beside the package cannot be had.
 */
const besides = (...names) => names.flatMap((name) => [`./${name}.js`, `../${name}.js`])

const LAZY = [
  ...besides('audio-engine', 'session-engine', 'tool-runner', 'locales/*'),
  './chunks/inlined-*.js',
]

/** What the elements load besides: what a session is made by, and its provider's adapter. */
const LAZY_ELEMENTS = [
  ...LAZY,
  ...besides('agent-session', 'openai-realtime', 'deepgram-agent', 'deepgram-listen', 'deepgram-flux'),
]

/** The bodies of controls, which a page loads where it has them. */
const LAZY_CONTROLS = [
  ...besides('device-choice', 'hold-to-talk', 'orb', 'text-field', 'wave'),
  './voice-recovery.js',
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

/** What it shares with the core and the elements is there already. */
const lazy = (name, path, limit) =>
  entry(name, path, limit, {
    modifyEsbuildConfig: (config) => esbuild({ ...config, external: ['./chunks/*.js', 'lit'] }),
  })

const LOCALES = ['ar', 'de', 'es', 'fr', 'it', 'ja', 'ko', 'nl', 'pl', 'pt', 'tr', 'zh']

/** What it shares with the other elements is there already, Lit too, but for a directive that only it has. */
const element = (name, path, limit) =>
  entry(name, path, limit, {
    modifyEsbuildConfig: (config) => esbuild({ ...config, external: ['../chunks/*.js', 'lit'] }),
  })

export default [
  entry('core with one provider', 'dist/index.js', '12 kB', { import: '{ VoiceSession, OpenAIRealtime }' }),
  lazy('the session engine, loaded when a conversation starts', 'dist/session-engine.js', '8 kB'),
  lazy('the audio engine, loaded with it', 'dist/audio-engine.js', '8.5 kB'),
  lazy('the tool runner, loaded where there are tools', 'dist/tool-runner.js', '2 kB'),
  entry('voicewire/elements, Lit included, without the core', 'dist/elements/index.js', '23 kB', {
    modifyEsbuildConfig: (config) =>
      esbuild({ ...config, external: [...LAZY_ELEMENTS, ...LAZY_CONTROLS, './voice-debug.js'] }),
  }),
  entry(
    'the elements with every control and its help, Lit included, without the core',
    'dist/elements/index.js',
    '30 kB',
    {
      modifyEsbuildConfig: (config) =>
        esbuild({ ...config, external: [...LAZY_ELEMENTS, './voice-debug.js'] }),
    },
  ),
  entry('the same with the developers’ overlay too, thus every element', 'dist/elements/index.js', '30 kB', {
    modifyEsbuildConfig: (config) => esbuild({ ...config, external: LAZY_ELEMENTS }),
  }),
  lazy('what makes a session, loaded by the elements', 'dist/agent-session.js', '1.5 kB'),
  lazy('the adapter of OpenAI, loaded by the elements', 'dist/openai-realtime.js', '6.5 kB'),
  lazy('the adapter of Deepgram’s agent, loaded by the elements', 'dist/deepgram-agent.js', '4 kB'),
  ...LOCALES.map((name) => entry(`the words of ${name}`, `dist/locales/${name}.js`, '1 kB')),
  element('<voice-recovery>, loaded where a microphone fails', 'dist/elements/voice-recovery.js', '3 kB'),
  element('<voice-debug>, loaded for developers', 'dist/elements/voice-debug.js', '5 kB'),
  lazy('a text input, loaded where there is one', 'dist/text-field.js', '1.5 kB'),
  lazy('a choice of devices, loaded where there is one', 'dist/device-choice.js', '1.8 kB'),
  lazy('a button to hold, loaded where there is one', 'dist/hold-to-talk.js', '1.8 kB'),
  lazy('an orb, loaded where there is one', 'dist/orb.js', '1.8 kB'),
  lazy('a wave, loaded where there is one', 'dist/wave.js', '1 kB'),
  entry('voicewire/audio', 'dist/audio.js', '5.5 kB'),
  entry('the Resampler alone', 'dist/audio.js', '1.2 kB', { import: '{ Resampler }' }),
  entry('the LocalSpeechDetector alone', 'dist/audio.js', '1.5 kB', { import: '{ LocalSpeechDetector }' }),
  entry('voicewire/testing', 'dist/testing.js', '9 kB'),
  entry('dist/voice-agent.js, the one file for a script tag', 'dist/voice-agent.js', '73 kB'),
  entry('worklets/capture.js, loaded by the microphone', 'dist/worklets/capture.js', '2 kB'),
  entry('worklets/playback.js, loaded by the speaker', 'dist/worklets/playback.js', '4 kB'),
  entry('worklets/recorder.js, loaded by a Recorder', 'dist/worklets/recorder.js', '2 kB'),
]
