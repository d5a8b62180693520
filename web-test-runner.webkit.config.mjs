/** Most of the same tests in the WebKit of GTK, one file after the other. */
import { defaultReporter } from '@web/test-runner'
import { startSoundServer } from './test/support/sound-server.ts'
import { findWebKit, webkitLauncher } from './test/support/webkit.ts'
import config, { totals } from './web-test-runner.config.mjs'

const sound = await startSoundServer()

export default {
  ...config,
  browsers: [webkitLauncher(findWebKit() ?? 'MiniBrowser', sound?.env)],
  files: [
    ...config.files,
    // These wait for seconds of sound, or for a microphone that keeps time.
    '!test/audio/{context-keeper,input-switch,recorder,speaker}.test.ts',
    '!test/session/survival.test.ts',
    // What a page plays into a stream is hardly heard at the other end.
    '!test/testing/{fake-microphone,documents}.test.ts',
  ],
  // What ends a test's `using`, which is no part of WebKit yet.
  testRunnerHtml: (framework) =>
    `<script>Symbol.dispose ??= Symbol('dispose')</script><script type="module" src="${framework}"></script>`,
  browserStartTimeout: 60_000,
  reporters: [
    defaultReporter({ reportTestProgress: false, reportTestResults: true }),
    totals('.cache/webkit-totals.json'),
    { onTestRunFinished: () => sound?.close() },
  ],
}
