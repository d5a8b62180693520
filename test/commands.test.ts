import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const BIN = new URL('../node_modules/.bin/', import.meta.url)

/** Starts a command as npx does, and ends it as a service manager does. @returns Its first line and its exit code. */
async function run(
  command: string,
  env: Readonly<Record<string, string>>,
): Promise<{ line: string; code: number }> {
  const { PATH = '' } = process.env
  const child = spawn(fileURLToPath(new URL(command, BIN)), [], {
    env: { PATH: `${fileURLToPath(BIN)}:${PATH}`, PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(child, 'exit')
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
  child.kill('SIGTERM')
  const [code] = (await ended) as [number]
  return { line, code }
}

test('commands: voicewire-relay prints one line with its address when it is ready', async () => {
  const { line, code } = await run('voicewire-relay', {
    OPENAI_API_KEY: randomBytes(8).toString('hex'),
    TICKET_SECRET: randomBytes(32).toString('hex'),
    ALLOWED_ORIGINS: 'http://localhost',
  })
  assert.match(line, /^voicewire-relay listens on http:\/\/127\.0\.0\.1:\d+$/)
  assert.equal(code, 0)
})

test('commands: voicewire-emulator prints one line with its address when it is ready', async () => {
  const { line, code } = await run('voicewire-emulator', {})
  assert.match(line, /^voicewire-emulator listens on http:\/\/127\.0\.0\.1:\d+$/)
  assert.equal(code, 0)
})
