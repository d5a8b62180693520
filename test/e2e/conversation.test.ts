import assert from 'node:assert/strict'
import { after, before, type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { type Browser, chromium, type Page } from 'playwright'
import type { EmulatorConnection } from '../../server/emulator/src/index.ts'
import { chromiumOptions, SPEECH_FILE } from '../support/chromium.mjs'
import { type Interruption, openSessionPage, type Status, status, until } from '../support/session-page.ts'
import { median, readWav, referenceResample, windowCorrelations } from '../support/signal.ts'
import { type Stack, startStack } from '../support/stack.ts'
import { watchedPage } from '../support/watched-page.ts'

const CLOSED = 3
/** One step of a 16-bit sample: what rounding may differ by. */
const ONE_STEP = 1

/** Answers that begin differently, so that each can be told from the others by its first sounds. */
const ANSWERS = [
  'Certainly, and I will gladly tell you more about it.',
  'Good question, there are several ways to look at it.',
  'Perhaps, although nobody can say so with certainty.',
  'Well, that depends on what you would like to do next.',
  'Yes, and there is a reason for it that few people know.',
  'Listen, the whole story is longer than you might think.',
]
let answers = 0
const nextAnswer = (): string => ANSWERS[answers++ % ANSWERS.length] ?? ''

let stack: Stack
let browser: Browser

before(async () => {
  // Nothing here needs a policy of its own: the gesture is a real click.
  browser = await chromium.launch(chromiumOptions())
  stack = await startStack({ emulator: { pace: { thinkMs: 0 }, respond: nextAnswer } })
})
after(async () => {
  await browser.close()
  await stack.close()
})

function floats(base64: string): Float32Array {
  const bytes = Buffer.from(base64, 'base64')
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength))
}

/** Opens the test page, and starts a session of it by a click, as a user would. */
async function startByClick(
  provider: 'openai' | 'deepgram',
  options: object,
): Promise<{ page: Page; problems: string[] }> {
  const { page, problems } = await watchedPage(browser)
  await openSessionPage(page, stack.url)
  await page.evaluate(
    (config) => {
      const button = document.querySelector('#start')
      button?.addEventListener('click', () => {
        const { page: driver } = globalThis as unknown as { page: { start(config: object): Promise<void> } }
        Object.assign(globalThis, { started: driver.start(config) })
      })
    },
    { provider, options },
  )
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

/** @returns Where an item begins in a recording, or -1: its first 20 ms that are not silent must match. */
function find(recording: Float32Array, item: Float64Array): number {
  const probe = item.findIndex((sample) => Math.abs(sample) > 0.005)
  for (let at = probe; at < recording.length - 960; at++) {
    let error = 0
    for (let i = 0; i < 960 && error < 1e-3; i++) {
      error = Math.max(error, Math.abs((recording[at + i] ?? 0) - (item[probe + i] ?? 0)))
    }
    if (error < 1e-3) return at - probe
  }
  return -1
}

/** What the playback worklet rendered, with the context's frame of every sample. */
class Rendered {
  readonly samples: Float32Array
  readonly #frames: readonly number[]

  constructor({ frames, samples }: { frames: number[]; samples: string }) {
    this.samples = floats(samples)
    this.#frames = frames
  }

  frame(at: number): number {
    return (this.#frames[at >> 7] ?? Number.POSITIVE_INFINITY) + (at & 127)
  }

  /** @returns The frame of the last sample to be heard before the next silence of 100 ms. */
  silentAfter(frame: number, sampleRate: number): number {
    let last = frame
    for (let at = 0; at < this.samples.length; at++) {
      const now = this.frame(at)
      if (now < frame) continue
      if (now - last > sampleRate / 10) break
      if (Math.abs(this.samples[at] ?? 0) > 0.001) last = now
    }
    return last
  }
}

/** @returns An interruption of which enough was heard to compare, and which is over. */
function longEnough({
  interruptions,
}: Status): (Interruption & { entryId: string; heardMs: number }) | undefined {
  return interruptions.find(({ heardMs = 0 }) => heardMs >= 250) as never
}

function checkSpeaker(
  t: TestContext,
  { rendered, streamed }: { rendered: Rendered; streamed: Float32Array },
  connection: EmulatorConnection,
  now: Status,
): void {
  const { sampleRate } = now
  const cut = longEnough(now)
  assert.ok(cut)
  const items = connection.spoken.map(({ audio }) => {
    const samples = Float32Array.from(audio.pcm(), (sample) => sample / 32_768)
    const sound = referenceResample(samples, { inputRate: 24_000, outputRate: sampleRate })
    return { sound, at: find(rendered.samples, sound) }
  })
  const item = items.findLast(({ at }) => at >= 0 && rendered.frame(at) < cut.frame)
  assert.ok(item, 'the answer is not in what was rendered')
  const at = find(streamed, item.sound)
  assert.ok(at >= 0, 'the answer is not in what outputStream gave')
  const compared = Math.floor(((cut.heardMs - 20) / 1000) * sampleRate)
  let worst = 0
  for (let i = 0; i < compared; i++) {
    worst = Math.max(worst, Math.abs((streamed[at + i] ?? 0) - (item.sound[i] ?? 0)))
  }
  t.diagnostic(
    `outputStream: ${compared} samples of an answer compared, largest difference ${worst.toExponential(1)}`,
  )
  assert.ok(worst < 1 / 32_768, `outputStream differs from the answer by ${worst}`)
  assert.equal(now.stats.underruns, 0)

  const lengths = now.interruptions
    .filter(({ heardMs }) => heardMs !== undefined)
    .map(({ frame }) => ((rendered.silentAfter(frame, sampleRate) - frame) / sampleRate) * 1000)
  t.diagnostic(`interruption: silent ${lengths.map((ms) => ms.toFixed(1)).join(', ')} ms after the signal`)
  assert.ok(Math.max(...lengths) <= 50, 'the agent was heard for more than 50 ms after the signal')
}

function checkTruncation(connection: EmulatorConnection, { interruptions }: Status): void {
  const cut = interruptions.filter(
    ({ heardMs, receivedMs }) => heardMs !== undefined && heardMs < (receivedMs ?? 0),
  )
  const truncations = connection.received.filter(({ type }) => type === 'conversation.item.truncate')
  assert.deepEqual(
    truncations.map(({ data }) => data),
    cut.map(({ entryId, heardMs }) => ({
      type: 'conversation.item.truncate',
      item_id: entryId?.replace(/^1\./, ''),
      content_index: 0,
      audio_end_ms: heardMs,
    })),
  )
  const errors = connection.sent.filter(({ type }) => type === 'error')
  assert.deepEqual(errors, [])
}

/** The roles in the order in which the server told of them. */
function spokenOrder({ sent, protocol }: EmulatorConnection): string[] {
  const added = sent.filter(({ type }) => type === 'conversation.item.added' || type === 'ConversationText')
  return added.map(({ data }) => {
    const { item, role } = data as { item?: { role: string }; role?: string }
    return (protocol === 'openai-realtime' ? item?.role : role) ?? ''
  })
}

for (const { provider, wireRate, options } of [
  // A short silence ends a turn, so that the speaker's pauses leave the agent time to be heard.
  {
    provider: 'openai',
    wireRate: 24_000,
    options: { turnDetection: { type: 'server_vad', silence_duration_ms: 300 } },
  },
  { provider: 'deepgram', wireRate: 16_000, options: {} },
] as const) {
  test(`conversation: ${provider} through the relay, on recorded speech`, { timeout: 180_000 }, async (t) => {
    const { page, problems } = await startByClick(provider, options)
    const connection = stack.emulator.connections.at(-1)
    assert.ok(connection)

    // The recorded speech pauses, the agent answers, and the speech goes on over it.
    await until(page, (now) => longEnough(now) !== undefined)
    const during = await until(
      page,
      ({ transcript }) => transcript.filter(({ role, final }) => role === 'assistant' && final).length >= 2,
    )
    const rendered = new Rendered(await page.evaluate('page.rendered()'))
    const streamed = floats(await page.evaluate('page.streamed()'))
    await page.evaluate('page.stop()')
    const afterwards = await status(page)
    const raw = floats(await page.evaluate('page.raw()'))
    if (!connection.closed) await connection.once('close')

    checkMicrophone(t, raw, connection, during.sampleRate, wireRate)
    assert.equal(during.stats.droppedMs, 0)
    checkSpeaker(t, { rendered, streamed }, connection, during)
    if (provider === 'openai') checkTruncation(connection, afterwards)

    const roles = during.transcript.map(({ role }) => role)
    t.diagnostic(`transcript: ${roles.join(', ')}`)
    assert.deepEqual(roles, spokenOrder(connection).slice(0, roles.length))
    assert.ok(during.transcript.some(({ interrupted }) => interrupted))

    assert.equal(afterwards.state, 'closed')
    assert.deepEqual(new Set(afterwards.tracks), new Set(['ended']))
    assert.deepEqual(new Set(afterwards.contexts), new Set(['closed']))
    assert.deepEqual(new Set(afterwards.sockets), new Set([CLOSED]))
    assert.deepEqual(afterwards.errors, [])
    assert.deepEqual(problems, [])
    assert.equal(connection.closed?.code, 1000)
    while (stack.relay.sessions > 0) await delay(10)
    await page.close()
  })
}
