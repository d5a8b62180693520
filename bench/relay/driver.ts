/** The clients of a run. */
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { now } from './clock.ts'
import { open, sendHandshake, type Target } from './connect.ts'
import type { Kind } from './messages.ts'
import { answer } from './remote.ts'
import { Talker, Talkers, templateOf } from './talkers.ts'

/** As many handshakes are under way at a time. */
const MOST_OPENING = 40
const FLOOD_BLOCK_BYTES = 64 * 1024
/** Longer than the time that a relay has to end the other side. */
const MOST_CLOSING_MS = 3000

const talkers = new Talkers(true)
const sessions = new Set<Talker>()
/** Sessions that misbehave. */
const rogues = new Set<Socket>()
const closeCodes: (number | null)[] = []
let flooded = 0

export interface OpenOptions {
  readonly target: Target
  readonly path: string
  readonly kind: Kind
  readonly count: number
}

async function openOne({ target, path, kind }: OpenOptions): Promise<void> {
  const { socket, head } = await open(target, path)
  const talker = new Talker(talkers, { socket, kind })
  sessions.add(talker)
  socket.on('close', () => {
    sessions.delete(talker)
    closeCodes.push(talker.closeCode)
  })
  talker.takeHead(head)
}

async function inGroups(count: number, run: (index: number) => Promise<void>): Promise<void> {
  for (let from = 0; from < count; from += MOST_OPENING) {
    const size = Math.min(MOST_OPENING, count - from)
    await Promise.all(Array.from({ length: size }, (_, index) => run(from + index)))
  }
}

async function closeAll(): Promise<void> {
  // Not `once`, which takes a reset for a failure.
  const gone = [...sessions].map(({ socket }) => new Promise((resolve) => socket.on('close', resolve)))
  for (const talker of sessions) talker.close()
  await Promise.race([Promise.all(gone), sleep(MOST_CLOSING_MS)])
  for (const { socket } of sessions) socket.destroy()
  for (const socket of rogues) socket.destroy()
  rogues.clear()
}

export interface FloodOptions {
  readonly target: Target
  readonly path: string
  /** Default: without end. */
  readonly bytes?: number
  /** Whether it does not wait for the provider's first message. */
  readonly early?: boolean
}

/** Sends as fast as the other side reads. */
async function flood(options: FloodOptions): Promise<void> {
  const { target, path, bytes = Number.POSITIVE_INFINITY, early = false } = options
  const { socket, head } = await open(target, path)
  rogues.add(socket)
  if (!early && head.length === 0) {
    socket.resume()
    await once(socket, 'data')
  }
  const block = templateOf('json', true).block(FLOOD_BLOCK_BYTES)
  let left = bytes
  const more = () => {
    while (left > 0 && !socket.destroyed) {
      left -= block.length
      flooded += block.length
      if (!socket.write(block)) return
    }
  }
  socket.on('drain', more)
  socket.resume()
  more()
}

/** Opens a session and never reads. */
async function beDeaf({ target, path }: FloodOptions): Promise<void> {
  const { socket } = await open(target, path)
  socket.pause()
  rogues.add(socket)
}

/** Connects and leaves, `count` times; with a handshake, and without waiting for what becomes of it. */
async function leave({ target, path, count }: Omit<OpenOptions, 'kind'>): Promise<void> {
  await inGroups(count, async () => {
    const socket = await sendHandshake(target, path)
    await sleep(Math.random() * 20)
    socket.destroy()
  })
}

export interface AbortOptions {
  readonly target: Target
  readonly count: number
  /** Whether the provider has not yet answered the handshake. */
  readonly early: boolean
  /** Of the ids that the provider knows the sessions by. */
  readonly prefix: string
}

/** @returns When each client left without a close, by the id in its query, in ms of `now()`. */
async function abort({ target, count, early, prefix }: AbortOptions): Promise<Map<string, number>> {
  const left = new Map<string, number>()
  await inGroups(count, async (index) => {
    const id = `${prefix}${index}`
    const path = `/v1/realtime?model=${early ? 'hold' : 'idle'}&id=${id}`
    const socket = early ? await sendHandshake(target, path) : (await open(target, path)).socket
    // Half of those who leave early do so at once: the relay then reads their handshake and their end together.
    if (!early || index % 4 > 1) await sleep(20 + Math.random() * 50)
    left.set(id, now())
    if (index % 2 === 0) socket.resetAndDestroy()
    else socket.destroy()
  })
  return left
}

const actions = {
  open: (options: OpenOptions) => inGroups(options.count, () => openOne(options)),
  /** Has every session send its messages. */
  talk: () => {
    for (const talker of sessions) talkers.start(talker)
  },
  look: () => talkers.look(),
  reset: () => talkers.reset(),
  hush: () => talkers.stopAll(),
  close: closeAll,
  sessions: () => sessions.size,
  /** What the sessions that are over were closed with, since this was asked before. */
  closeCodes: () => closeCodes.splice(0),
  flood,
  flooded: () => flooded,
  beDeaf,
  leave,
  abort,
}

export type DriverActions = typeof actions

answer(actions)
