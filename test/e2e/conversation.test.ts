import assert from 'node:assert/strict'
import { after, before, type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { type Browser, chromium, type Page } from 'playwright'
import type { EmulatorConnection } from '../../server/emulator/src/index.ts'
import { chromiumOptions, SPEECH_FILE } from '../support/chromium.mjs'
import { median, readWav, referenceResample, windowCorrelations } from '../support/signal.ts'
import { type Stack, startStack } from '../support/stack.ts'

interface Entry {
  readonly role: 'user' | 'assistant'
  readonly text: string
  readonly final: boolean
  readonly interrupted: boolean
  readonly startedAt: number
}

/** What `page.status()` of the test page gives. */
interface Status {
  readonly state: string
  readonly agentState: string
  readonly stats: { readonly droppedMs: number; readonly underruns: number }
  readonly states: readonly string[]
  readonly errors: readonly string[]
  readonly transcript: readonly Entry[]
  readonly interruption: {
    readonly signalledAt: number
    readonly frame: number
    readonly heardMs?: number
    readonly receivedMs?: number
    readonly silentAt?: number
  } | null
  readonly sampleRate: number
  readonly contexts: readonly string[]
  readonly tracks: readonly string[]
  readonly sockets: readonly number[]
}

const CLOSED = 3
/** One step of a 16-bit sample: what rounding may differ by. */
const ONE_STEP = 1

let stack: Stack
let browser: Browser

before(async () => {
  // Nothing here needs a policy of its own: the gesture is a real click.
  browser = await chromium.launch(chromiumOptions())
  stack = await startStack()
})
after(async () => {
  await browser.close()
  await stack.close()
})

const status = (page: Page): Promise<Status> => page.evaluate('page.status()')

/** The page's own policy forbids the evaluation that Playwright's waits need, so the state is asked for. */
async function until(page: Page, condition: (status: Status) => boolean): Promise<Status> {
  for (;;) {
    const now = await status(page)
    if (condition(now)) return now
    await delay(50)
  }
}

function floats(base64: string): Float32Array {
  const bytes = Buffer.from(base64, 'base64')
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength))
}

/** Opens the test page, and starts a session of it by a click, as a user would. */
async function startByClick(provider: 'openai' | 'deepgram'): Promise<{ page: Page; problems: string[] }> {
  const page = await browser.newPage()
  const problems: string[] = []
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) problems.push(message.text())
  })
  page.on('pageerror', (error) => problems.push(error.message))
  await page.goto(`${stack.url}/session.html`)
  await page.waitForSelector('html[data-ready]', { state: 'attached' })
  await page.evaluate((name) => {
    const button = document.querySelector('#start')
    button?.addEventListener('click', () => {
      const { page: driver } = globalThis as unknown as { page: { start(config: object): Promise<void> } }
      Object.assign(globalThis, { started: driver.start({ provider: name }) })
    })
  }, provider)
  await page.click('#start')
  await page.evaluate('started')
  return { page, problems }
}

function checkMicrophone(
  t: TestContext,
  raw: Float32Array,
  connection: EmulatorConnection,
  inputRate: number,
  outputRate: number,
): void {
  const received = connection.input.pcm()
  // The tap reports in batches, so the last one is missing; a chunk that is not full does not leave.
  const count = Math.min(received.length, Math.floor((raw.length / inputRate) * outputRate))
  const reference = referenceResample(raw, { inputRate, outputRate, count })
  assert.ok(count > 5 * outputRate, `only ${count} samples arrived`)
  assert.ok(count > (raw.length / inputRate - 0.1) * outputRate, 'the end of the speech did not arrive')
  let worst = 0
  let different = 0
  for (let i = 0; i < count; i++) {
    const expected = Math.min(32_767, Math.max(-32_768, Math.floor((reference[i] ?? 0) * 32_768 + 0.5)))
    const error = Math.abs((received[i] ?? 0) - expected)
    worst = Math.max(worst, error)
    if (error > 0) different++
  }
  t.diagnostic(
    `microphone: ${count} samples at ${outputRate} Hz from ${inputRate} Hz, largest difference ${worst} (${different} samples differ)`,
  )
  assert.ok(worst <= ONE_STEP, `the wire differs from the reference by ${worst}`)
  const heard = Float64Array.from(received, (sample) => sample / 32_768)
  const file = readWav(SPEECH_FILE)
  const speech = referenceResample(file.samples, { inputRate: file.sampleRate, outputRate })
  const values = windowCorrelations(heard, speech, outputRate)
  t.diagnostic(
    `correlation with the file, median of ${values.length} windows of 1 s: ${median(values).toFixed(4)}`,
  )
}

/** @returns Where in the recording the item begins. */
function findItem(recording: Float32Array, item: Float64Array, from: number): number {
  const probe = item.findIndex((sample) => Math.abs(sample) > 0.01)
  const segment = item.subarray(probe, probe + 480)
  for (let at = from; at < recording.length - segment.length; at++) {
    let error = 0
    for (let i = 0; i < segment.length && error < 0.01; i++)
      error += Math.abs((recording[at + i] ?? 0) - (segment[i] ?? 0))
    if (error < 0.01) return at - probe
  }
  return -1
}

for (const { provider, inputRate: wireRate } of [
  { provider: 'openai', inputRate: 24_000 },
  { provider: 'deepgram', inputRate: 16_000 },
] as const) {
  test(`conversation: ${provider} through the relay, on recorded speech`, { timeout: 180_000 }, async (t) => {
    const { page, problems } = await startByClick(provider)
    const connection = stack.emulator.connections.at(-1)
    assert.ok(connection)

    // The recorded speech pauses, the agent answers, and the speech goes on over it.
    await until(page, ({ interruption }) => interruption?.silentAt !== undefined)
    t.diagnostic(`interrupted after ${((performance.now() - connection.openedAt) / 1000).toFixed(1)} s`)
    for (const m of connection.sent)
      if (!/delta/.test(m.type)) console.error(((m.at - connection.openedAt) / 1000).toFixed(2), m.type)
    const during = await until(
      page,
      ({ transcript }) => transcript.filter(({ role, final }) => role === 'assistant' && final).length >= 2,
    )
    const recording: { frames: number[]; samples: string } = await page.evaluate('page.recording()')
    await page.evaluate('page.stop()')
    const afterwards = await status(page)
    const raw = floats(await page.evaluate('page.raw()'))

    checkMicrophone(t, raw, connection, during.sampleRate, wireRate)
    assert.equal(during.stats.droppedMs, 0)

    const output = floats(recording.samples)
    const [first] = connection.spoken
    assert.ok(first)
    const spoken = Float32Array.from(first.audio.pcm(), (sample) => sample / 32_768)
    const expected = referenceResample(spoken, { inputRate: 24_000, outputRate: during.sampleRate })
    const at = findItem(output, expected, 0)
    assert.ok(at >= 0, 'the first answer is not in what outputStream gave')
    const heard = during.interruption
    assert.ok(heard?.heardMs !== undefined && heard.silentAt !== undefined)
    const compared = Math.min(
      expected.length,
      Math.floor(((heard.heardMs ?? 0) / 1000) * during.sampleRate) - 480,
    )
    let worst = 0
    for (let i = 0; i < compared; i++)
      worst = Math.max(worst, Math.abs((output[at + i] ?? 0) - (expected[i] ?? 0)))
    t.diagnostic(
      `outputStream: ${compared} samples of the answer compared, largest difference ${worst.toExponential(1)}`,
    )
    assert.ok(compared > 4800)
    assert.ok(worst < 1 / 32_768, `outputStream differs from the answer by ${worst}`)

    const { frame } = heard
    const lastLoud = output.findLastIndex((sample, i) => {
      const place = (recording.frames[Math.floor(i / 128)] ?? 0) + (i % 128)
      return Math.abs(sample) > 0.001 && place < frame + during.sampleRate / 2
    })
    const silentFrame = (recording.frames[Math.floor(lastLoud / 128)] ?? 0) + (lastLoud % 128)
    const toSilence = ((silentFrame - frame) / during.sampleRate) * 1000
    t.diagnostic(`interruption: silent ${toSilence.toFixed(1)} ms after the signal (at outputStream)`)
    assert.ok(toSilence <= 50, `the agent was heard for ${toSilence} ms after the signal`)

    if (provider === 'openai') {
      const truncations = connection.received.filter(({ type }) => type === 'conversation.item.truncate')
      assert.equal(
        truncations.length,
        connection.spoken.filter(({ truncatedAtMs }) => truncatedAtMs !== null).length,
      )
      assert.deepEqual(truncations[0]?.data, {
        type: 'conversation.item.truncate',
        item_id: first.itemId,
        content_index: 0,
        audio_end_ms: heard.heardMs,
      })
      assert.deepEqual(
        connection.sent.filter(({ type }) => type === 'error'),
        [],
      )
    }

    const [user, agent] = during.transcript
    assert.deepEqual([user?.role, agent?.role], ['user', 'assistant'])
    assert.ok(user?.text && agent?.text)
    assert.ok(during.transcript.some(({ interrupted }) => interrupted))

    assert.equal(afterwards.state, 'closed')
    assert.deepEqual(new Set(afterwards.tracks), new Set(['ended']))
    assert.deepEqual(new Set(afterwards.contexts), new Set(['closed']))
    assert.deepEqual(new Set(afterwards.sockets), new Set([CLOSED]))
    assert.deepEqual(afterwards.errors, [])
    assert.deepEqual(problems, [])
    if (!connection.closed) await connection.once('close')
    assert.equal(connection.closed?.code, 1000)
    assert.equal(stack.relay.sessions, 0)
    await page.close()
  })
}
