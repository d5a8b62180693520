import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type CDPSession, chromium, type Page } from 'playwright'
import { chromiumOptions, SPEECH_FILE } from '../../test/support/chromium.mjs'
import { freePort, residentBytes, start, startScript, stop } from '../relay/processes.ts'
import { Remote } from '../relay/remote.ts'
import { openSite } from '../support/browser.ts'
import { median, quantile, table } from '../support/report.ts'
import type { ProviderActions } from './provider.ts'
import { UnevenLine } from './uneven-line.ts'

const MINUTES = Number(process.env['SOAK_MINUTES'] || 30)
/** Memory is compared with what it was after this; until then code is compiled and buffers find their size. */
const SETTLED_MINUTES = Math.min(5, MINUTES / 3)
const JITTER_MS = 120
const LASTS_MS = 60_000
const SESSIONS = [
  ...Array(3).fill('OpenAI Realtime'),
  ...Array(3).fill('Deepgram Voice Agent'),
  'Deepgram Listen',
  'Deepgram Flux',
] as readonly string[]
/** Behind each eleven seconds of speech. */
const PAUSE_SECONDS = 14
const CACHE = fileURLToPath(new URL('../../.cache/bench', import.meta.url))
const CLI = fileURLToPath(new URL('../../server/node/src/cli.ts', import.meta.url))
const PROVIDER = '../soak/provider.ts'
const MIB = 2 ** 20

/** What `soak.status()` of page.js gives; times in ms. */
interface Status {
  readonly state: string
  readonly outages: readonly number[]
  readonly turns: number
  readonly interruptions: number
  readonly speakingMs: number
  readonly errors: readonly string[]
  readonly warnings: Readonly<Record<string, number>>
  readonly underruns: number
  readonly gapMs: number
  readonly droppedMs: number
}

/** Mulberry32: the same drops in each run, whatever the seed is. */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** @returns A file of the recorded speech, and silence behind it, in which an answer can be heard to its end. */
function withPause(): string {
  const wav = readFileSync(SPEECH_FILE)
  // Its header is the plain one of 44 bytes; two bytes a sample, one channel.
  const silence = Buffer.alloc(wav.readUInt32LE(28) * PAUSE_SECONDS)
  const long = Buffer.concat([wav, silence])
  long.writeUInt32LE(long.length - 8, 4)
  long.writeUInt32LE(long.length - 44, 40)
  mkdirSync(CACHE, { recursive: true })
  const file = join(CACHE, 'speech-and-pause.wav')
  writeFileSync(file, long)
  return file
}

async function startRelay(upstream: string, origin: string) {
  const port = await freePort()
  const metricsPort = await freePort()
  const child = start([process.execPath, CLI], {
    core: `0-${availableParallelism() - 1}`,
    env: {
      NODE_OPTIONS: '--max-semi-space-size=4',
      PORT: `${port}`,
      METRICS_PORT: `${metricsPort}`,
      OPENAI_API_KEY: `sk-${randomBytes(24).toString('hex')}`,
      DEEPGRAM_API_KEY: randomBytes(20).toString('hex'),
      OPENAI_API_URL: upstream,
      DEEPGRAM_API_URL: upstream,
      DEEPGRAM_AGENT_URL: upstream,
      ALLOWED_ORIGINS: origin,
      TICKET_SECRET: randomBytes(32).toString('hex'),
      LOG_LEVEL: 'silent',
    },
  })
  const stats = async () =>
    (await (await fetch(`http://127.0.0.1:${metricsPort}/stats`)).json()) as { sessions: { total: number } }
  for (let tries = 0; ; tries++) {
    if (await stats().catch(() => null)) break
    if (tries > 100) throw new Error('The relay did not start')
    await delay(100)
  }
  return { child, port, stats }
}

async function heapBytes(devtools: CDPSession): Promise<number> {
  for (let i = 0; i < 3; i++) await devtools.send('HeapProfiler.collectGarbage')
  return (await devtools.send('Runtime.getHeapUsage')).usedSize
}

const status = (page: Page): Promise<Status> => page.evaluate('soak.status()')

export async function run(): Promise<string> {
  const all = `0-${availableParallelism() - 1}`
  const provider = startScript(PROVIDER, { core: all })
  const upstream = `ws://127.0.0.1:${await new Remote<ProviderActions>(provider).ask('port')}`
  const site = await openSite()
  const relay = await startRelay(upstream, site.url)
  const line = new UnevenLine({
    port: relay.port,
    jitterMs: JITTER_MS,
    lastsMs: LASTS_MS,
    random: seeded(8),
  })
  const linePort = await line.listen()
  const browser = await chromium.launch(chromiumOptions({ speechFile: withPause() }))
  try {
    const talks: { name: string; page: Page; devtools: CDPSession }[] = []
    for (const name of SESSIONS) {
      const page = await browser.newPage()
      const query = new URLSearchParams({ provider: name, relay: `${relay.port}`, line: `${linePort}` })
      await page.goto(`${site.url}/bench/soak/page.html?${query}`)
      await page.click('button')
      talks.push({ name, page, devtools: await page.context().newCDPSession(page) })
    }
    const sample = async (minute: number): Promise<Sample> => {
      const now = await Promise.all(talks.map(({ page }) => status(page)))
      return {
        minute,
        relay: residentBytes(relay.child.pid!),
        heaps: await Promise.all(talks.map(({ devtools }) => heapBytes(devtools))),
        gapMs: sum(now.map(({ gapMs }) => gapMs)),
        speakingMs: sum(now.map(({ speakingMs }) => speakingMs)),
      }
    }
    const samples: Sample[] = []
    const begin = performance.now()
    for (let minute = SETTLED_MINUTES; ; minute = Math.min(MINUTES, minute + 5)) {
      await delay(minute * 60_000 - (performance.now() - begin))
      samples.push(await sample(minute))
      console.error(`soak: ${minute} of ${MINUTES} minutes, ${line.drops} drops`)
      if (minute >= MINUTES) break
    }
    line.tearing = false
    const statuses = await Promise.all(talks.map(({ page }) => status(page)))
    await Promise.all(talks.map(({ page }) => page.evaluate('soak.stop()')))
    const ended = await Promise.all(talks.map(({ page }) => status(page)))
    // The line is late with the last messages, too.
    let left = (await relay.stats()).sessions.total
    for (let tries = 0; left > 0 && tries < 50; tries++) {
      await delay(100)
      left = (await relay.stats()).sessions.total
    }
    return report({
      talks: talks.map(({ name }, index) => ({ name, ...statuses[index]! })),
      ended: ended.filter(({ state }) => state === 'closed').length,
      left,
      drops: line.drops,
      samples,
    })
  } finally {
    await browser.close()
    await line.close()
    await stop(relay.child)
    await stop(provider)
    await site.close()
  }
}

/** What is the case after so many minutes; bytes, and all sessions' times together. */
interface Sample {
  readonly minute: number
  readonly relay: number
  readonly heaps: readonly number[]
  readonly gapMs: number
  readonly speakingMs: number
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)

interface Run {
  readonly talks: readonly (Status & { readonly name: string })[]
  readonly ended: number
  readonly left: number
  readonly drops: number
  readonly samples: readonly Sample[]
}

function report({ talks, ended, left, drops, samples }: Run): string {
  const outages = talks.flatMap((talk) => talk.outages)
  const first = samples[0]!
  const last = samples.at(-1)!
  const rows = talks.map((talk, index) => {
    const spokenMinutes = talk.speakingMs / 60_000
    return [
      talk.name,
      talk.outages.length,
      talk.outages.length ? median(talk.outages).toFixed(0) : '–',
      talk.turns,
      talk.interruptions,
      spokenMinutes.toFixed(1),
      spokenMinutes ? (talk.gapMs / spokenMinutes).toFixed(0) : '–',
      talk.droppedMs.toFixed(0),
      ((last.heaps[index]! - first.heaps[index]!) / 1024).toFixed(0),
      talk.errors.length,
    ]
  })
  const gaps = samples.map(({ gapMs, speakingMs }, index) => {
    const before = samples[index - 1] ?? { gapMs: 0, speakingMs: 0 }
    return ((gapMs - before.gapMs) / ((speakingMs - before.speakingMs) / 60_000)).toFixed(0)
  })
  const minutes = samples.map(({ minute }) => minute.toFixed(0)).join(', ')
  const warnings = [...new Set(talks.flatMap((talk) => Object.keys(talk.warnings)))]
    .sort()
    .map((code) => `\`${code}\` ${sum(talks.map((talk) => talk.warnings[code] ?? 0))}`)
  const errors = talks.flatMap((talk) => talk.errors)
  return `${SESSIONS.length} sessions for ${MINUTES} minutes: pages in Chromium, eleven seconds of recorded speech and
${PAUSE_SECONDS} of silence from the microphone in turns, the relay by its own command, the emulator as provider, which sends at 1.25 of the pace of speech. Between page and relay each piece
of TCP, in both directions, is late by a share of ${JITTER_MS} ms of its own, and each connection is torn off by a reset after
${LASTS_MS / 1000} s on average. _Back_: median from loss to open again, in ms. _Gaps_: silence for want of sound while the agent speaks, in ms a
minute of its speech. _Lost_: sound of the microphone that found no place while there was no line, in ms. _Heap_: what the page holds
after a collection, at the end against ${SETTLED_MINUTES.toFixed(0)} minutes after the start, in KiB; the transcript is part of it.

${table([['session', 'reconnects', 'back', 'turns', 'interruptions', 'agent spoke, min', 'gaps', 'lost', 'heap', 'errors'], ...rows])}

${drops} connections were torn off; sessions were open again after ${median(outages).toFixed(0)} ms (median) and ${quantile(outages, 0.95).toFixed(0)} ms (p95), the longest
took ${Math.max(...outages).toFixed(0)} ms. Errors: ${errors.length ? [...new Set(errors)].join('; ') : 'none'}. Warnings: ${warnings.join(', ') || 'none'}. ${ended} of ${SESSIONS.length} sessions ended when they were told to; the relay held
${left} then. Its memory, in MiB after ${minutes} minutes: ${samples.map(({ relay }) => (relay / MIB).toFixed(1)).join(', ')}. Gaps up to then, since the time before: ${gaps.join(', ')} ms a minute of speech.`
}
