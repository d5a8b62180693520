import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { esbuildPlugin } from '@web/dev-server-esbuild'
import { defaultReporter } from '@web/test-runner'
import { playwrightLauncher } from '@web/test-runner-playwright'
import { chromiumOptions } from './test/support/chromium.mjs'

/** The totals, for the last line of the whole run, and what was skipped, for the list of what is supported. */
export function totals(file) {
  return {
    onTestRunFinished({ sessions }) {
      let passed = 0
      let failed = 0
      const skipped = []
      const walk = (suite) => {
        for (const test of suite.tests) {
          if (test.passed) passed++
          else if (test.skipped) skipped.push(test.name)
          else failed++
        }
        suite.suites.forEach(walk)
      }
      for (const { testResults, errors } of sessions) {
        if (testResults) walk(testResults)
        failed += errors.length
      }
      mkdirSync('.cache', { recursive: true })
      writeFileSync(file, JSON.stringify({ passed, failed, skipped }))
    },
  }
}

/** Serves the worker that msw needs at the root. */
async function mockServiceWorker(context, next) {
  if (context.path !== '/mockServiceWorker.js') return next()
  context.type = 'js'
  context.body = readFileSync('node_modules/msw/lib/mockServiceWorker.js', 'utf8')
}

/** Serves a page that allows nothing but what comes from its own origin. */
async function strictPage(context, next) {
  if (context.path !== '/strict.html') return next()
  context.type = 'html'
  context.set('content-security-policy', "default-src 'self'")
  context.body = '<!doctype html><title>Strict</title>'
}

/** A script that is not there: the runner would report each 404, and this one is meant. */
async function goneScript(context, next) {
  if (context.path !== '/gone.js') return next()
  context.status = 410
}

/** What is logged on purpose: what the library says to developers, and what listeners in tests throw. */
const EXPECTED = /^voicewire: apiKey is for development|^Error: on purpose/

export default {
  middleware: [mockServiceWorker, strictPage, goneScript],
  files: ['test/{audio,auth,elements,providers,session,testing,transport,util}/**/*.test.ts'],
  nodeResolve: { exportConditions: ['browser'] },
  plugins: [esbuildPlugin({ ts: true, target: 'es2022' })],
  // Most tests have no gesture; those of the autoplay policy itself are among the end-to-end tests.
  browsers: [
    playwrightLauncher({
      product: 'chromium',
      launchOptions: chromiumOptions({ args: ['--autoplay-policy=no-user-gesture-required'] }),
    }),
  ],
  filterBrowserLogs: ({ args }) => !EXPECTED.test(String(args[0])),
  concurrency: 2,
  testFramework: { config: { ui: 'bdd', timeout: 20_000 } },
  testsStartTimeout: 60_000,
  testsFinishTimeout: 180_000,
  reporters: [
    defaultReporter({ reportTestProgress: false, reportTestResults: true }),
    totals('.cache/browser-totals.json'),
  ],
}
