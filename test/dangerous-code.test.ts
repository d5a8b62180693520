import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../', import.meta.url))
const PUBLISHED = ['src/**/*.ts', 'elements/**/*.ts', 'server/*/src/**/*.ts', 'demo/*.{js,mjs}']

/** What no published code may do, as a text or a peer's message could then be run or become part of a page. */
const FORBIDDEN: Readonly<Record<string, RegExp>> = {
  'runs text as code': /(?<![.\w])eval\(|\bnew Function\(|(?<![.\w])Function\(|\bsetTimeout\(\s*['"`]/,
  'makes markup of text':
    /\.(?:inner|outer)HTML\b|\binsertAdjacentHTML\b|\bdocument\.write|\bunsafe(?:HTML|SVG|MathML|Static)\b|\bcreateContextualFragment\b|\bsetHTMLUnsafe\b|\bDOMParser\b|\bsrcdoc\b/,
  'follows a script as an address': /['"`]javascript:/i,
  'has a shell read text': /\bshell: *true|(?<![.\w])exec(?:Sync)?\(/,
  'believes any certificate': /\brejectUnauthorized: *false|NODE_TLS_REJECT_UNAUTHORIZED/,
  'speaks to any origin': /\bpostMessage\([^)]*,\s*['"`]\*['"`]/,
}

/** Where chance decides what nobody may guess, it must be that of `node:crypto`. */
const GUESSABLE = /\bMath\.random\b/

function dangers(text: string): string[] {
  const code = text.replace(/\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/.*$/gm, '')
  return Object.entries(FORBIDDEN).flatMap(([danger, pattern]) => (pattern.test(code) ? [danger] : []))
}

test('no published code runs text, makes markup of it, or trusts whom it must not', () => {
  const files = globSync(PUBLISHED, { cwd: ROOT })
  assert.ok(files.length > 300)
  const found = files.flatMap((file) =>
    dangers(readFileSync(ROOT + file, 'utf8')).map((what) => `${file} ${what}`),
  )
  assert.deepEqual(found, [])
})

test('the relay draws nothing from Math.random', () => {
  const files = globSync('server/node/src/**/*.ts', { cwd: ROOT })
  assert.deepEqual(
    files.filter((file) => GUESSABLE.test(readFileSync(ROOT + file, 'utf8'))),
    [],
  )
})

test('dangerous code is found where it is', () => {
  const planted = [
    'const f = new Function(body)',
    'element.innerHTML = message.text',
    'location.href = "javascript:" + text',
    'spawn(command, { shell: true })',
    'tls.connect({ rejectUnauthorized: false })',
    "parent.postMessage(token, '*')",
  ]
  assert.deepEqual(planted.flatMap(dangers), Object.keys(FORBIDDEN))
  assert.deepEqual(dangers('// element.innerHTML is not used\n/* eval(text) */'), [])
})
