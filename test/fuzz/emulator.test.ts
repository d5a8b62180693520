import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after } from 'node:test'
import fc from 'fast-check'
import WebSocket from 'ws'
import { clientMessage, sayIssue, settings } from '../../server/emulator/src/deepgram-schema.ts'
import { createEmulator } from '../../server/emulator/src/index.ts'
import { clientEvent } from '../../server/emulator/src/openai-schema.ts'
import { toneVoice } from '../../server/emulator/test/support/tone-voice.ts'
import { fuzz } from './support/fuzz.ts'
import { queries } from './support/handshakes.ts'
import { bytes, messages } from './support/inputs.ts'

const emulator = await createEmulator({
  port: 0,
  speech: toneVoice,
})
after(() => emulator.close())

/** What a client sends: text messages, and binary ones as `{ bytes }`. */
type Conversation = readonly (string | { readonly bytes: string })[]

const binary = bytes(9).map((hex) => ({ bytes: hex }))
const conversation = (known: readonly unknown[]) =>
  fc.array(fc.oneof({ weight: 9, arbitrary: messages(known) }, { weight: 1, arbitrary: binary }), {
    minLength: 1,
    maxLength: 6,
  })

const OPENAI = [
  { type: 'session.update', session: { type: 'realtime', instructions: 'Be brief', tools: [] } },
  { type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [] } },
  { type: 'conversation.item.truncate', item_id: 'x', content_index: 0, audio_end_ms: 1 },
  { type: 'input_audio_buffer.append', audio: 'AAAA' },
  { type: 'response.cancel' },
]
const DEEPGRAM = [
  {
    type: 'Settings',
    audio: { input: { encoding: 'linear16', sample_rate: 16000 } },
    agent: { think: { provider: { type: 'open_ai', model: 'gpt-4o-mini' }, prompt: 'Be brief' } },
  },
  { type: 'UpdatePrompt', prompt: 'More' },
  { type: 'KeepAlive' },
  { type: 'FunctionCallResponse', id: 'x', name: 'clock', content: 'noon' },
]

fuzz<Conversation>('emulator-openai', {
  inputs: conversation(OPENAI),
  runs: 120,
  check: async (said) => {
    for (const message of said) judgeBy(clientEvent, message)
    await talk('/v1/realtime?model=gpt-realtime', said)
  },
})

fuzz<Conversation>('emulator-deepgram', {
  inputs: conversation(DEEPGRAM),
  runs: 120,
  check: async (said) => {
    for (const message of said) judgeBy(clientMessage, message)
    for (const message of said) judgeBy(settings, message)
    await talk('/v1/agent/converse', said)
  },
})

fuzz<string>('emulator-query', {
  inputs: queries,
  runs: 100,
  check: async (query) => {
    for (const path of ['/v1/listen', '/v2/listen', '/v1/realtime']) await talk(`${path}?${query}`, [])
  },
})

/** Says what is wrong with a message, in a line. */
function judgeBy(schema: typeof clientEvent, message: Conversation[number]): void {
  if (typeof message !== 'string') return
  let value: unknown
  try {
    value = JSON.parse(message)
  } catch {
    return
  }
  const issue = schema(value, '')
  if (issue !== null) assert.equal(typeof sayIssue(issue), 'string')
}

/** Talks, and fails where that throws in the emulator, whose process it would end. */
async function talk(path: string, said: Conversation): Promise<void> {
  const thrown = Promise.withResolvers<never>()
  process.once('uncaughtException', thrown.reject)
  try {
    await Promise.race([say(path, said), thrown.promise])
  } finally {
    process.off('uncaughtException', thrown.reject)
  }
}

/** Sends all, and waits until the emulator has taken it: it answers a ping, closes, or refuses. */
async function say(path: string, said: Conversation): Promise<void> {
  const headers = { Authorization: `${path.includes('realtime') ? 'Bearer sk-' : 'Token '}emulated-key` }
  const socket = new WebSocket(`${emulator.webSocketUrl}${path}`, { headers })
  const refused = once(socket, 'unexpected-response').then(([, response]) => response.statusCode as number)
  socket.on('error', () => {})
  const ended = new Promise<number>((resolve) => socket.once('close', resolve))
  const opened = await Promise.race([once(socket, 'open').then(() => null), refused, ended])
  if (opened !== null) {
    socket.terminate()
    assert.ok(opened >= 400 && opened < 500, `refused with ${opened}`)
    return
  }
  for (const data of said) socket.send(typeof data === 'string' ? data : Buffer.from(data.bytes, 'hex'))
  socket.ping()
  const code = await Promise.race([once(socket, 'pong').then(() => null), ended])
  assert.ok(code === null || (code >= 1000 && code !== 1006), `closed with ${code}`)
  socket.terminate()
}
