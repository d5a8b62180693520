import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { parseEnv } from 'node:util'
import { VARIABLES } from '../src/variables.ts'
import { runCommand, startRelayProcess, temporaryFolder } from './support/commands.ts'
import { rawServer } from './support/peers.ts'
import { serve } from './support/token-services.ts'

const apiKey = `sk-${randomBytes(16).toString('hex')}`

interface Given {
  readonly cwd?: string
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

async function init(t: TestContext, { cwd = temporaryFolder(t), args = [], env = {} }: Given = {}) {
  const ended = await runCommand(t, { cwd, args: ['init', ...args], env })
  return { cwd, ...ended, file: (name: string) => readFileSync(join(cwd, name), 'utf8') }
}

test('init writes a .env for one person, with a secret that it does not tell', async (t) => {
  const first = await init(t, {
    args: ['--origin', 'https://a.example', '--origin', 'http://localhost:3000'],
  })
  assert.deepEqual([first.code, first.stderr], [0, ''])
  assert.deepEqual(readdirSync(first.cwd).sort(), ['.env', 'voicewire.config.mjs'])
  assert.equal(statSync(join(first.cwd, '.env')).mode & 0o777, 0o600)
  const { TICKET_SECRET: secret = '', ...rest } = parseEnv(first.file('.env'))
  assert.equal(Buffer.from(secret, 'base64url').length, 32)
  assert.ok(!first.stdout.includes(secret))
  assert.deepEqual(rest, {
    VOICEWIRE_CONFIG: 'voicewire.config.mjs',
    OPENAI_API_KEY: '',
    DEEPGRAM_API_KEY: '',
    ALLOWED_ORIGINS: 'https://a.example,http://localhost:3000',
  })
  assert.match(first.stdout, /^Fill in OPENAI_API_KEY or DEEPGRAM_API_KEY in \.env$/m)
  assert.match(first.stdout, /npx voicewire-relay --check\n/)
  const second = await init(t)
  assert.notEqual(parseEnv(second.file('.env'))['TICKET_SECRET'], secret)
})

test('init writes every variable with its meaning and default', async (t) => {
  const { file } = await init(t)
  const text = file('.env')
  for (const [name, { about }] of Object.entries(VARIABLES)) {
    const block = new RegExp(`^# (.+)\n(?:# )?${name}=`, 'm').exec(text)
    assert.equal(block?.[1], about, name)
  }
  assert.match(text, /^# PORT=8080$/m)
  assert.match(text, /^# RELAY_OPEN=false$/m)
  assert.match(text, /^# OPENAI_API_URL=$/m)
})

test('init twice changes nothing and fails', async (t) => {
  const { cwd, file } = await init(t)
  const before = file('.env')
  const again = await init(t, { cwd })
  assert.deepEqual([again.code, again.stdout], [1, ''])
  assert.equal(again.stderr, 'Cannot set up a relay as .env is there already\n')
  assert.equal(file('.env'), before)
})

test('init writes nothing where one of the files is there', async (t) => {
  const cwd = temporaryFolder(t, { 'voicewire.config.mjs': 'mine', '.gitignore': 'dist\n' })
  const { code, stderr, file } = await init(t, { cwd })
  assert.equal(code, 1)
  assert.match(stderr, /^Cannot set up a relay as voicewire\.config\.mjs is there already\n$/)
  assert.deepEqual(readdirSync(cwd).sort(), ['.gitignore', 'voicewire.config.mjs'])
  assert.equal(file('voicewire.config.mjs') + file('.gitignore'), 'minedist\n')
})

test('init refuses an origin with a path, and writes nothing', async (t) => {
  const { code, stderr, cwd } = await init(t, { args: ['--origin', 'https://a.example/app'] })
  assert.equal(code, 1)
  assert.match(
    stderr,
    /^Cannot set up a relay as --origin must be [^\n]+: current value is https:\/\/a\.example\/app\n$/,
  )
  assert.deepEqual(readdirSync(cwd), [])
})

test('init adds .env to a .gitignore that lacks it', async (t) => {
  const cases: [string, string][] = [
    ['node_modules\n', 'node_modules\n.env\n'],
    ['node_modules', 'node_modules\n.env\n'],
    ['', '.env\n'],
    ['dist\n/.env\n', 'dist\n/.env\n'],
    ['.env*\r\n', '.env*\r\n'],
  ]
  for (const [before, after] of cases) {
    const { file } = await init(t, { cwd: temporaryFolder(t, { '.gitignore': before }) })
    assert.equal(file('.gitignore'), after)
  }
})

test('init writes files with which the command checks, and then serves', async (t) => {
  const quoted = `${apiKey}#'"`
  const env = { OPENAI_API_KEY: quoted }
  const { cwd, file } = await init(t, { args: ['--origin', 'https://a.example', '--no-check-keys'], env })
  assert.equal(parseEnv(file('.env'))['OPENAI_API_KEY'], quoted)
  const checked = await runCommand(t, { cwd, args: ['--check'] })
  assert.deepEqual([checked.code, checked.stderr], [0, ''])
  assert.match(checked.stdout, /^configuration: environment, voicewire\.config\.mjs$/m)
  const uncommented = file('.env').replace('# PORT=8080', 'PORT=0')
  writeFileSync(join(cwd, '.env'), uncommented)
  const { url } = await startRelayProcess(t, { cwd })
  assert.equal((await fetch(`${url}/ready`)).status, 200)
})

test('The starter works with everything in it that is a comment', async (t) => {
  const { cwd, file } = await init(t, { args: ['--origin', 'https://a.example', '--no-check-keys'] })
  const code = file('voicewire.config.mjs').replace(/^( +)\/\/ ( *[a-z'{}\])].*)$/gm, '$1$2')
  writeFileSync(join(cwd, 'voicewire.config.mjs'), code)
  const { stdout, stderr } = await runCommand(t, { cwd, args: ['--check'], env: { OPENAI_API_KEY: apiKey } })
  assert.equal(stderr, '')
  assert.match(stdout, /^lets in: .*whom authenticate knows$/m)
  assert.match(stdout, /^functions: +get_time$/m)
  assert.match(stdout, /^issues tokens: for this relay, for OpenAI directly$/m)
})

test('init says whether the providers accept the keys, and no key', async (t) => {
  const asked: string[] = []
  const provider = await serve(t, (request, response) => {
    asked.push(`${request.method} ${request.url} ${request.headers.authorization}`)
    response.writeHead(request.url === '/v1/models' ? 200 : 401).end(`{"key":"${apiKey}"}`)
  })
  const env = { OPENAI_API_KEY: apiKey, DEEPGRAM_API_KEY: apiKey }
  const urls = { OPENAI_API_URL: provider.replace('http', 'ws'), DEEPGRAM_API_URL: `${provider}/v1/listen` }
  const { code, stdout, stderr } = await init(t, { env: { ...env, ...urls } })
  assert.deepEqual([code, stderr], [0, ''])
  assert.match(stdout, /^OpenAI accepts OPENAI_API_KEY$/m)
  assert.match(stdout, /^Deepgram DOES NOT ACCEPT DEEPGRAM_API_KEY: correct it in \.env$/m)
  assert.ok(!stdout.includes(apiKey))
  assert.deepEqual(asked.sort(), [`GET /v1/auth/token Token ${apiKey}`, `GET /v1/models Bearer ${apiKey}`])
})

test('init says why a provider could not be asked, and goes on', async (t) => {
  const resets = await rawServer(t, (socket) => socket.destroy())
  const failing = await serve(t, (_request, response) => void response.writeHead(503).end())
  const env = { OPENAI_API_KEY: apiKey, DEEPGRAM_API_KEY: apiKey }
  const { code, stdout } = await init(t, {
    env: { ...env, OPENAI_API_URL: resets, DEEPGRAM_API_URL: failing.replace('http', 'ws') },
  })
  assert.equal(code, 0)
  assert.match(stdout, /^OpenAI could not be asked whether it accepts OPENAI_API_KEY: it cannot be reached$/m)
  assert.match(stdout, /^Deepgram could not be asked whether it accepts DEEPGRAM_API_KEY: HTTP 503$/m)
  const wrong = await init(t, { env: { OPENAI_API_KEY: apiKey, OPENAI_API_URL: `ws://${apiKey}@host?x` } })
  assert.match(wrong.stdout, /OPENAI_API_KEY: OPENAI_API_URL is no URL of it$/m)
  assert.ok(!wrong.stdout.includes(apiKey))
})
