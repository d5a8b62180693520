/**
 * `npm run docs`: builds the documents as a site into .cache/docs, which any web server can serve, below the path in
 * `DOCS_BASE` (default `/`). `npm run docs -- --serve` shows them while they are written, at the address it prints.
 */
import { fileURLToPath } from 'node:url'
import { build } from './build.mjs'
import { ensureInstalled, run } from './environment.mjs'

/** @returns The exit code: not 0 where a page cannot be made, or links to a page that is not there. */
export async function buildDocs() {
  const generated = await run('node', ['docs/site/generate.mjs'])
  return generated || run('vitepress', ['build', 'docs'])
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  ensureInstalled()
  await build()
  if (process.argv.includes('--serve')) {
    const generated = await run('node', ['docs/site/generate.mjs'])
    process.exit(generated || (await run('vitepress', ['dev', 'docs'])))
  }
  process.exit(await buildDocs())
}
