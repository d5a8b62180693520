import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Browser, chromium, type Page } from 'playwright'
import type { EmulatorConnection } from '../../server/emulator/src/index.ts'
import { chromiumOptions } from '../support/chromium.mjs'
import { openPage, start, status, stop, until } from '../support/matrix-page.ts'
import { type Stack, startStack } from '../support/stack.ts'

const SPEECH = 'ask not what your country can do for you'

let stack: Stack
let browser: Browser

before(async () => {
  browser = await chromium.launch(chromiumOptions())
  stack = await startStack({ emulator: { transcribe: () => SPEECH, pace: { thinkMs: 0 } } })
})
after(async () => {
  await browser.close()
  await stack.close()
})

function nextConnection(): Promise<EmulatorConnection> {
  return stack.emulator.once('connection') as Promise<EmulatorConnection>
}

for (const provider of ['listen', 'flux'] as const) {
  test(`speech to text: ${provider} writes recorded speech down through the relay, and gives the last words at the end`, {
    timeout: 60_000,
  }, async () => {
    const page = await openPage(browser, stack.url)
    const connecting = nextConnection()
    const options = provider === 'listen' ? { utteranceEndMs: false } : {}
    assert.equal(await start(page, { provider, relay: true, options }), null)
    const connection = await connecting
    const { transcript, agentState } = await until(
      page,
      (now) => now.transcript.some(({ final, text }) => final && text !== ''),
      'what was said',
    )
    const entry = transcript.find(({ final }) => final)
    assert.equal(entry?.role, 'user')
    assert.equal(entry?.text.toLowerCase().replaceAll(/[^a-z ]/g, ''), SPEECH)
    const words = entry?.words ?? []
    assert.equal(words.length, SPEECH.split(' ').length)
    for (const [index, { startMs, endMs, confidence }] of words.entries()) {
      assert.ok(endMs >= startMs && startMs >= (words[index - 1]?.endMs ?? 0) && confidence > 0)
    }
    assert.equal(agentState, 'listening')
    await stop(page)
    await connection.whenReceived('CloseStream')
    if (!connection.closed) await connection.once('close')
    const { errors, warnings } = await status(page)
    assert.deepEqual([errors, warnings], [[], []])
    await page.close()
  })
}

for (const provider of ['openai', 'agent'] as const) {
  test(`tools: ${provider} is answered once, and does not call again over a new line`, {
    timeout: 60_000,
  }, async () => {
    const page = await openPage(browser, stack.url)
    const direct = {
      url: `${stack.emulator.webSocketUrl}${provider === 'openai' ? '/v1/realtime' : '/v1/agent/converse'}`,
      session: { apiKey: stack.keys[provider === 'openai' ? 'openai' : 'deepgram'], getToken: undefined },
    }
    const connecting = nextConnection()
    assert.equal(await start(page, { provider, tools: true, muted: true, ...direct }), null)
    const first = await connecting
    await page.evaluate("matrix.sendText('Please get weather for Rome')")
    const answered = await until(
      page,
      ({ transcript }) =>
        transcript.some(({ role, text }) => role === 'assistant' && /sunny in Rome/.test(text)),
      'the weather',
    )
    assert.deepEqual([answered.calls, answered.errors], [['Rome'], []])
    const again = nextConnection()
    first.terminate()
    const second = await again
    await until(page, ({ state }) => state === 'open', 'a line')
    const replayed = JSON.stringify(second.received.map(({ data }) => data))
    assert.ok(replayed.includes('It is sunny in Rome.'), 'the answer of the tool was not replayed')
    await page.evaluate("matrix.sendText('Thank you')")
    await until(page, ({ agentState }) => agentState === 'speaking', 'an answer')
    assert.deepEqual((await status(page)).calls, ['Rome'])
    await stop(page)
    await page.close()
  })
}

/** What the page holds of the browser once all that nobody needs is gone. */
async function held(page: Page): Promise<{ heap: number; listeners: number; nodes: number }> {
  const devtools = await page.context().newCDPSession(page)
  await devtools.send('HeapProfiler.enable')
  for (let i = 0; i < 3; i++) await devtools.send('HeapProfiler.collectGarbage')
  const { usedSize } = await devtools.send('Runtime.getHeapUsage')
  const { jsEventListeners, nodes } = await devtools.send('Memory.getDOMCounters')
  await devtools.detach()
  return { heap: usedSize, listeners: jsEventListeners, nodes }
}

test('a thousand reconnects in a row leave no trace', { timeout: 240_000 }, async (context) => {
  const page = await openPage(browser, stack.url)
  const config = {
    provider: 'agent',
    url: `${stack.emulator.webSocketUrl}/v1/agent/converse`,
    session: { apiKey: stack.keys.deepgram, getToken: undefined, reconnect: { initialMs: 1, maxMs: 1 } },
    muted: true,
  }
  let next = nextConnection()
  assert.equal(await start(page, config), null)
  let connection = await next
  const reconnect = async (times: number): Promise<void> => {
    for (let i = 0; i < times; i++) {
      next = nextConnection()
      connection.terminate()
      connection = await next
      await connection.whenSent('SettingsApplied')
    }
    await until(page, ({ state }) => state === 'open', 'a line')
  }
  // Until the engine has compiled what runs often, its own code is what grows.
  await reconnect(700)
  await page.evaluate('matrix.forget()')
  const before = await held(page)
  await reconnect(1000)
  await page.evaluate('matrix.forget()')
  const after = await held(page)
  const perReconnect = (after.heap - before.heap) / 1000
  context.diagnostic(`heap ${perReconnect} bytes a reconnect; ${JSON.stringify({ before, after })}`)
  assert.ok(perReconnect < 50, `the heap grew by ${perReconnect} bytes a reconnect`)
  assert.equal(after.listeners, before.listeners)
  const { timers, ...open } = (await page.evaluate('matrix.leaks()')) as Record<string, number>
  assert.deepEqual(open, { contexts: 1, tracks: 1, sockets: 1 })
  assert.ok((timers ?? 0) <= 3, `${timers} timers`)
  await stop(page)
  await page.close()
})

test('two sessions on one page, of different providers, do not meet', { timeout: 60_000 }, async () => {
  const page = await openPage(browser, stack.url)
  const outcome = await page.evaluate(
    async ({ url, keys }) => {
      const { DeepgramAgent, OpenAIRealtime, VoiceSession } = await import(
        `${location.origin}/dist/voicewire.js`
      )
      const make = (Provider: new (options: object) => object, path: string, apiKey: string) => {
        const session = new VoiceSession({
          provider: new Provider({ url: url + path }),
          apiKey,
          input: 'none',
        })
        const answered = (text: string) =>
          new Promise<void>((resolve) => {
            session.on('transcript', ({ entry }: { entry: { role: string; text: string } }) => {
              if (entry.role === 'assistant' && entry.text.includes(text)) resolve()
            })
          })
        return { session, answered }
      }
      const one = make(OpenAIRealtime, '/v1/realtime', keys.openai)
      const other = make(DeepgramAgent, '/v1/agent/converse', keys.deepgram)
      await Promise.all([one.session.start(), other.session.start()])
      const both = Promise.all([one.answered('apples'), other.answered('pears')])
      one.session.sendText('I like apples')
      other.session.sendText('I like pears')
      await both
      const texts = [one, other].map(({ session }) => JSON.stringify(session.transcript))
      await one.session.stop()
      const later = other.answered('plums')
      other.session.sendText('And plums')
      await later
      const states = [one.session.state, other.session.state]
      await other.session.stop()
      return { texts, states }
    },
    { url: stack.emulator.webSocketUrl, keys: stack.keys },
  )
  const [one = '', other = ''] = outcome.texts
  assert.ok(one.includes('apples') && !one.includes('pears'), one)
  assert.ok(other.includes('pears') && !other.includes('apples'), other)
  assert.deepEqual(outcome.states, ['closed', 'open'])
  await page.close()
})
