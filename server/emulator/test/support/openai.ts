import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import type { TestContext } from 'node:test'
import { createEmulator, type Emulator, type EmulatorOptions } from '../../src/index.ts'
import { type Message, TestClient } from './client.ts'
import { faultOf } from './openai-events.ts'
import { bytesOf, pieces } from './speech.ts'
import { toneVoice } from './tone-voice.ts'

/** A key that looks like OpenAI's. */
export function openaiKey(): string {
  return `sk-${randomBytes(16).toString('hex')}`
}

/** A client in a session, and the emulator behind it. */
export interface OpenAIFixture {
  readonly emulator: Emulator
  readonly client: TestClient
}

/** Opens a session on an emulator of its own; both end with the test, and every event must be well formed. */
export async function openSession(
  context: TestContext,
  options: EmulatorOptions = {},
  query = 'model=gpt-realtime-2.1',
): Promise<OpenAIFixture> {
  const emulator = await startEmulator(context, options)
  const client = connectOpenAI(emulator, query)
  context.after(() => assert.deepEqual(client.messages.map(faultOf).filter(Boolean), []))
  await client.next('session.created')
  return { emulator, client }
}

/** Starts an emulator that speaks in tones, at once, and ends with the test. */
export async function startEmulator(context: TestContext, options: EmulatorOptions = {}): Promise<Emulator> {
  const pace = { speed: Number.POSITIVE_INFINITY, thinkMs: 0, transcriptMs: 0, ...options.pace }
  const emulator = await createEmulator({ port: 0, speech: toneVoice, ...options, pace })
  context.after(() => emulator.close())
  return emulator
}

/** Connects as a browser does. */
export function connectOpenAI(emulator: Emulator, query: string, key: string = openaiKey()): TestClient {
  const protocols = ['realtime', `openai-insecure-api-key.${key}`]
  return new TestClient(`${emulator.webSocketUrl}/v1/realtime?${query}`, protocols)
}

/** Sends sound in messages of 20 ms. */
export function stream(client: TestClient, pcm: Int16Array): void {
  for (const piece of pieces(bytesOf(pcm), 960)) append(client, piece)
}

/** Sends bytes of sound as one message. */
export function append(client: TestClient, bytes: Uint8Array): void {
  client.send({ type: 'input_audio_buffer.append', audio: Buffer.from(bytes).toString('base64') })
}

/** Changes the session and resolves with the configuration that came of it. */
export async function update(client: TestClient, session: object): Promise<Record<string, never>> {
  const after = client.messages.length
  client.send({ type: 'session.update', session: { type: 'realtime', ...session } })
  const updated = await client.next('session.updated', { after })
  return updated['session']!
}

/** Sends an event and resolves with the error that it must cause. */
export async function refusedEvent(client: TestClient, event: object): Promise<Record<string, unknown>> {
  const after = client.messages.length
  client.send({ event_id: 'mine', ...event })
  const { error } = await client.next('error', { after })
  const { type, event_id: cause, ...rest } = error as never as Record<string, unknown>
  assert.equal(type, 'invalid_request_error')
  assert.equal(cause, 'mine')
  return rest
}

/** Adds a message of the user and asks for an answer; resolves with `response.done`. */
export async function ask(client: TestClient, text: string, response: object = {}): Promise<Message> {
  const after = client.messages.length
  say(client, text)
  client.send({ type: 'response.create', response })
  return client.next('response.done', { after })
}

/** Adds a message of the user. */
export function say(client: TestClient, text: string): void {
  const item = { type: 'message', role: 'user', content: [{ type: 'input_text', text }] }
  client.send({ type: 'conversation.item.create', item })
}
