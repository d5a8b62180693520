import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Browser, Page } from 'playwright'
import type { Emulator, EmulatorConnection } from '../../server/emulator/src/index.ts'
import { launchBrowser } from '../support/browser.ts'
import { type Entry, openSessionPage, start, status, until } from '../support/session-page.ts'
import { type Stack, startStack } from '../support/stack.ts'

let stack: Stack
let browser: Browser

before(async () => {
  browser = await launchBrowser()
  stack = await startStack({ emulator: { pace: { thinkMs: 0 } } })
})
after(async () => {
  await browser.close()
  await stack.close()
})

async function openPage(): Promise<Page> {
  const page = await browser.newPage()
  await openSessionPage(page, stack.url)
  return page
}

function nextConnection(emulator: Emulator): Promise<EmulatorConnection> {
  return emulator.once('connection') as Promise<EmulatorConnection>
}

for (const provider of ['openai', 'deepgram'] as const) {
  test(`failures: ${provider} is lost, and the conversation goes on over a new line`, {
    timeout: 90_000,
  }, async () => {
    const page = await openPage()
    const first = nextConnection(stack.emulator)
    assert.equal(await start(page, { provider, options: { greeting: 'Good morning' } }), null)
    // What the user said; an answer would be cut to what was heard of it when the line is lost.
    const isSaid = ({ role, text, final }: Entry) => role === 'user' && text !== '' && final
    const before = await until(page, ({ transcript }) => transcript.some(isSaid))
    const second = nextConnection(stack.emulator)
    ;(await first).terminate()
    const connection = await second
    const now = await until(page, ({ state, states }) => state === 'open' && states.includes('reconnecting'))
    assert.deepEqual(now.states, ['connecting', 'open', 'reconnecting', 'open'])
    assert.deepEqual(now.errors, [])

    const spoken = before.transcript.find(isSaid)?.text ?? assert.fail('Nothing was said')
    const replayed = JSON.stringify(connection.received.map(({ data }) => data))
    assert.ok(replayed.includes(spoken), 'the conversation so far was not replayed')
    assert.ok(
      !replayed.includes('Good morning') || spoken.includes('Good morning'),
      'the greeting was repeated',
    )

    const later = await until(page, ({ transcript }) => transcript.length > before.transcript.length)
    assert.equal(new Set(later.transcript.map(({ id }) => id)).size, later.transcript.length)
    assert.equal(stack.relay.sessions, 1)
    await page.evaluate('page.stop()')
    await page.close()
    if (!connection.closed) await connection.once('close')
  })
}

test('failures: a relay that refuses the ticket says so, though a browser cannot read a refused upgrade', async () => {
  const page = await openPage()
  const result = await start(page, { provider: 'openai', ticket: 'forged' })
  assert.match(result ?? '', /^unauthorized: The relay refused the connection: .+/)
  const { state } = await status(page)
  assert.equal(state, 'closed')
  await page.close()
})

test('failures: a wrong path at the relay says so', async () => {
  const page = await openPage()
  const result = await start(page, { provider: 'openai', relay: '/nowhere' })
  assert.match(result ?? '', /^connection-failed: /)
  await page.close()
})

test('failures: a provider that refuses the settings ends the start with its own words', async () => {
  const page = await openPage()
  const options = { session: { temperature: 0.8 } }
  const result = await start(page, { provider: 'openai', options })
  assert.match(result ?? '', /^configuration-rejected: .*temperature/)
  await page.close()
})
