import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { Emulator, EmulatorConnection, EmulatorOptions } from '../../src/index.ts'
import { type Message, TestClient } from './client.ts'
import { deepgramKey } from './deepgram.ts'
import { startEmulator } from './openai.ts'
import { bytesOf, pieces } from './speech.ts'

/** A client of a speech-to-text stream, and the emulator behind it. */
export interface StreamFixture {
  readonly emulator: Emulator
  readonly client: TestClient
  readonly connection: EmulatorConnection
}

/** Connects as a browser does. */
export function connectStream(emulator: Emulator, path: string): TestClient {
  return new TestClient(emulator.webSocketUrl + path, ['token', deepgramKey()])
}

/** Opens a stream on an emulator of its own; both end with the test, and every message must be well formed. */
export async function openStream(
  context: TestContext,
  path: string,
  options: EmulatorOptions = {},
): Promise<StreamFixture> {
  const emulator = await startEmulator(context, options)
  const connecting = emulator.once('connection')
  const client = connectStream(emulator, path)
  context.after(() => assert.deepEqual(client.messages.map(faultOf).filter(Boolean), []))
  await client.opened()
  return { emulator, client, connection: await connecting }
}

/** Sends sound at 16 kHz in messages of 80 ms. */
export function streamSound(client: TestClient, pcm: Int16Array): void {
  for (const piece of pieces(bytesOf(pcm), 2560)) client.sendBytes(piece)
}

/** Silence at 16 kHz. */
export function silence(ms: number): Int16Array {
  return new Int16Array(ms * 16)
}

/** The fields that every message must have, and the JSON type of each. */
const REQUIRED_FIELDS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  Results: {
    channel_index: 'array',
    duration: 'number',
    start: 'number',
    is_final: 'boolean',
    speech_final: 'boolean',
    from_finalize: 'boolean',
    channel: 'object',
    metadata: 'object',
  },
  Metadata: {
    transaction_key: 'string',
    request_id: 'string',
    sha256: 'string',
    created: 'string',
    duration: 'number',
    channels: 'number',
  },
  UtteranceEnd: { channel: 'array', last_word_end: 'number' },
  SpeechStarted: { channel: 'array', timestamp: 'number' },
  Connected: { request_id: 'string', sequence_id: 'number' },
  TurnInfo: {
    request_id: 'string',
    sequence_id: 'number',
    event: 'string',
    turn_index: 'number',
    audio_window_start: 'number',
    audio_window_end: 'number',
    transcript: 'string',
    words: 'array',
    end_of_turn_confidence: 'number',
  },
  ConfigureSuccess: { request_id: 'string', sequence_id: 'number', thresholds: 'object', keyterms: 'array' },
  ConfigureFailure: { request_id: 'string', sequence_id: 'number', code: 'string', description: 'string' },
  Error: { sequence_id: 'number', code: 'string', description: 'string' },
}

function faultOf(message: Message): string | null {
  const fields = REQUIRED_FIELDS[message.type]
  if (!fields) return `unknown message ${message.type}`
  for (const [name, type] of Object.entries(fields)) {
    const actual = Array.isArray(message[name]) ? 'array' : typeof message[name]
    if (actual !== type) return `${message.type}.${name} is ${actual}`
  }
  return null
}
