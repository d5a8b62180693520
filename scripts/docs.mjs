/**
 * `npm run docs`: builds the documents as a site into .cache/docs, which any web server can serve, below the path in
 * `DOCS_BASE` (default `/`; it begins and ends with one). `npm run docs -- --serve` shows them while they are written, at the address it prints.
 */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { build } from './build.mjs'
import { ensureInstalled, environment, ROOT, run } from './environment.mjs'

/** @returns The exit code: not 0 where a page cannot be made, or links to a page that is not there. */
export async function buildDocs() {
  const generated = await run('node', ['docs/site/generate.mjs'])
  return generated || run('vitepress', ['build', 'docs'])
}

/** Serves the pages until it is told to end. @returns The exit code. */
async function serveDocs() {
  const generated = await run('node', ['docs/site/generate.mjs'])
  if (generated !== 0) return generated
  const child = spawn('vitepress', ['dev', 'docs'], { cwd: ROOT, stdio: 'inherit', env: environment() })
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal))
  return new Promise((resolve) => child.on('exit', (code) => resolve(code ?? 0)))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  ensureInstalled()
  await build()
  process.exit(await (process.argv.includes('--serve') ? serveDocs() : buildDocs()))
}
