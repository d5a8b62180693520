import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import type { Browser, Page } from 'playwright'
import type { Site } from '../support/browser.ts'
import type { bench as PageBench } from './page.ts'

declare const bench: typeof PageBench

let script: Promise<string> | undefined

/** @returns A page of the site with page.ts in it, whose microphone is granted. */
export async function openPage(browser: Browser, site: Site): Promise<Page> {
  script ??= bundle()
  const context = await browser.newContext({ permissions: ['microphone'] })
  const page = await context.newPage()
  page.on('console', (message) => {
    if (message.type() === 'error') console.error(message.text())
  })
  page.on('pageerror', (error) => {
    console.error(error)
  })
  await page.goto(`${site.url}/bench/capture/page.html`)
  await page.addScriptTag({ type: 'module', content: await script })
  await page.waitForFunction(() => typeof bench === 'object')
  return page
}

async function bundle(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('page.ts', import.meta.url))],
    bundle: true,
    write: false,
    format: 'esm',
    target: 'es2022',
    logLevel: 'error',
  })
  return outputFiles[0]?.text ?? ''
}
