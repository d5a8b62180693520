/** The same tests in a stock Firefox. */
import { defaultReporter } from '@web/test-runner'
import { playwrightLauncher } from '@web/test-runner-playwright'
import { findFirefox, playwrightFirefoxOptions } from './test/support/firefox.ts'
import { startSoundServer } from './test/support/sound-server.ts'
import config, { totals } from './web-test-runner.config.mjs'

const sound = await startSoundServer()

export default {
  ...config,
  browsers: [
    playwrightLauncher({
      product: 'firefox',
      launchOptions: playwrightFirefoxOptions(findFirefox() ?? 'firefox', sound, {
        // Most tests have no gesture.
        'media.autoplay.default': 0,
        'media.autoplay.blocking_policy': 0,
      }),
    }),
  ],
  browserStartTimeout: 120_000,
  reporters: [
    defaultReporter({ reportTestProgress: false, reportTestResults: true }),
    totals('.cache/firefox-totals.json'),
    { onTestRunFinished: () => sound?.close() },
  ],
}
