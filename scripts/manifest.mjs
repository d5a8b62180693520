/**
 * `npm run manifest`: writes custom-elements.json, all that pages can use of the elements, read from their sources, so
 * that a change of it is seen in review. With `--check` it writes nothing and fails where the file is not current. What
 * editors and frameworks are told is made from that file by the build.
 */
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ensureInstalled, fail, ROOT } from './environment.mjs'
import { cssCustomData, htmlCustomData, webTypes } from './manifest/editors.mjs'
import { elementTypes } from './manifest/types.mjs'

const MANIFEST = join(ROOT, 'custom-elements.json')

/** Writes dist/frameworks and dist/editors, from custom-elements.json as it stands. */
export function writeDescriptions() {
  const manifest = readJSON(MANIFEST)
  const frameworks = join(ROOT, 'dist/frameworks')
  const editors = join(ROOT, 'dist/editors')
  cpSync(join(ROOT, 'frameworks'), frameworks, { recursive: true })
  writeFileSync(join(frameworks, 'elements.d.ts'), elementTypes(manifest))
  mkdirSync(editors, { recursive: true })
  writeJSON(join(editors, 'vscode.html-custom-data.json'), htmlCustomData(manifest))
  writeJSON(join(editors, 'vscode.css-custom-data.json'), cssCustomData(manifest))
  writeJSON(join(editors, 'web-types.json'), webTypes(manifest, readJSON(join(ROOT, 'package.json'))))
}

function readJSON(path) {
  return JSON.parse(readFileSync(path, 'utf8'))
}

function writeJSON(path, value) {
  writeFileSync(path, textOf(value))
}

function textOf(value) {
  return `${JSON.stringify(value, null, 2)}\n`
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  ensureInstalled()
  const { readManifest } = await import('./manifest/read.mjs')
  const manifest = await readManifest().catch((error) => fail(error.message))
  if (!process.argv.includes('--check')) writeJSON(MANIFEST, manifest)
  else if (textOf(manifest) !== readFileSync(MANIFEST, 'utf8')) {
    fail(
      'custom-elements.json is not what the elements are: run `npm run manifest`, and look at what changed',
    )
  }
}
