import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { findSecrets } from './support/secret-patterns.ts'

const ROOT = fileURLToPath(new URL('../', import.meta.url))
const MOST_BYTES = 256 * 1024 * 1024
const skip = existsSync(`${ROOT}.git`) ? false : 'This is no checkout of the repository'

/** What was once written as an example and never opened anything, by its digest. */
const OPENED_NOTHING: ReadonlySet<string> = new Set(['787a1c943ea9', '8d1a1bba9236', 'a7cfd793c177'])

function git(...args: readonly string[]): string {
  return execFileSync('git', args, { cwd: ROOT, encoding: 'utf8', maxBuffer: MOST_BYTES })
}

test('no file of the repository holds a secret', { skip }, () => {
  const files = git('ls-files', '--cached', '--others', '--exclude-standard', '-z').split('\0')
  const texts = files.filter(
    (file) => file !== '' && existsSync(ROOT + file) && statSync(ROOT + file).isFile(),
  )
  const found = texts.flatMap((file) =>
    findSecrets(readFileSync(ROOT + file, 'utf8')).map(({ kind, line }) => `${file}:${line} has ${kind}`),
  )
  assert.deepEqual(found, [])
})

test('no commit has ever held one', { skip }, () => {
  const commits = git('log', '-p', '--no-color', '--unified=0', '--format=commit %h').split(
    /^(?=commit [\da-f]+$)/m,
  )
  assert.ok(commits.length > 0)
  const found = commits.flatMap((commit) =>
    findSecrets(commit)
      .filter(({ digest }) => !OPENED_NOTHING.has(digest))
      .map(({ kind, digest }) => `${commit.slice(0, commit.indexOf('\n'))} has ${kind}: ${digest}`),
  )
  assert.deepEqual(found, [])
})

/** One of each kind, made now: even a made-up one must not be in the repository. */
const random = (length: number) =>
  `${randomBytes(length).toString('base64').replace(/[+/=]/g, 'k')}7`.slice(-length)
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const PLANTED: Readonly<Record<string, string>> = {
  'a key of OpenAI': `sk-${random(40)}`,
  'a client secret of OpenAI': `ek_${random(32)}`,
  'a key of Deepgram': `DEEPGRAM_API_KEY=${randomBytes(20).toString('hex')}`,
  'a key of AWS': `AKIA${random(40).toUpperCase().slice(-16)}`,
  'a key of Google': `AIza${random(35)}`,
  'a token of GitHub': `ghp_${random(36)}`,
  'a token of npm': `npm_${random(36)}`,
  'a token of PyPI': `pypi-${random(60)}`,
  'a token of Slack': `xoxb-${random(24)}`,
  'a private key': privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
  'a signed JWT': [`{"alg":"HS256"}`, `{"sub":"${random(8)}"}`]
    .map((part) => Buffer.from(part).toString('base64url'))
    .concat(random(43))
    .join('.'),
  'a password in a URL': `redis://relay:${random(24)}@redis.example:6379`,
  'a value under a secret name': `"ticketSecret": "${random(32)}"`,
}

for (const [kind, secret] of Object.entries(PLANTED)) {
  test(`findSecrets() finds ${kind}`, () => {
    const found = findSecrets(`first line\n+const key = 1\n${secret}\n`)
    assert.ok(found.some((one) => one.kind === kind && one.line === 3))
    assert.ok(!JSON.stringify(found).includes(secret))
  })
}

test('findSecrets() passes over examples and what only has a name', () => {
  const harmless = [
    'sk-your-key-goes-in-this-place',
    'OPENAI_API_KEY=sk-…',
    'redis://user:password@host:6379/0',
  ]
  assert.deepEqual(findSecrets(harmless.join('\n')), [])
})
