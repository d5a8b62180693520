import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Browser } from 'playwright'
import { launchBrowser } from '../support/browser.ts'
import { openSessionPage, start, until } from '../support/session-page.ts'
import { type Stack, startStack } from '../support/stack.ts'

let stack: Stack
let browser: Browser

before(async () => {
  browser = await launchBrowser()
  stack = await startStack()
})
after(async () => {
  await browser.close()
  await stack.close()
})

/** Asks the provider for a short-lived token, as an application's server does. */
async function mint(path: string, authorization: string, field: string): Promise<string> {
  const response = await fetch(stack.emulator.url + path, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json' },
    body: '{}',
  })
  const answer = (await response.json()) as Record<string, string>
  return answer[field] ?? assert.fail(`No ${field} in the answer`)
}

const WAYS = {
  'openai with a key': () => ({ provider: 'openai', apiKey: stack.keys.openai }),
  'openai with a client secret': async () => ({
    provider: 'openai',
    token: await mint('/v1/realtime/client_secrets', `Bearer ${stack.keys.openai}`, 'value'),
  }),
  'deepgram with a key': () => ({ provider: 'deepgram', apiKey: stack.keys.deepgram }),
  'deepgram with a granted token': async () => ({
    provider: 'deepgram',
    token: await mint('/v1/auth/grant', `Token ${stack.keys.deepgram}`, 'access_token'),
  }),
}

const PATHS = { openai: '/v1/realtime', deepgram: '/v1/agent/converse' }

for (const [name, way] of Object.entries(WAYS)) {
  test(`direct: ${name}, without a relay`, { timeout: 60_000 }, async () => {
    const page = await browser.newPage()
    await openSessionPage(page, stack.url)
    const config = await way()
    const url = stack.emulator.webSocketUrl + PATHS[config.provider as keyof typeof PATHS]
    assert.equal(await start(page, { ...config, options: { url } }), null)
    await until(page, ({ transcript }) =>
      transcript.some(({ role, text }) => role === 'assistant' && text !== ''),
    )
    assert.equal(stack.relay.sessions, 0)
    await page.evaluate('page.stop()')
    await page.close()
  })
}

test('direct: a wrong key is an error that says so', async () => {
  const page = await browser.newPage()
  await openSessionPage(page, stack.url)
  const url = `${stack.emulator.webSocketUrl}/v1/realtime`
  const result = await start(page, { provider: 'openai', apiKey: 'sk-wrong', options: { url } })
  assert.match(result ?? '', /^unauthorized: /)
  await page.close()
})
