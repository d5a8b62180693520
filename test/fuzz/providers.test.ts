import assert from 'node:assert/strict'
import fc from 'fast-check'
import { DeepgramAgent, DeepgramFlux, DeepgramListen, OpenAIRealtime, VoiceError } from '../../src/index.ts'
import type { Provider, ProviderEvent } from '../../src/providers/provider.ts'
import { fuzz } from './support/fuzz.ts'
import { bytes, messages, recorded } from './support/inputs.ts'

/** What a server sends on one connection: text messages, and binary ones as `{ bytes }`. */
type Conversation = readonly (string | { readonly bytes: string })[]

const PROVIDERS: Readonly<Record<string, () => Provider>> = {
  'openai-realtime': () => new OpenAIRealtime({ greeting: 'Hello' }),
  'deepgram-agent': () => new DeepgramAgent({ greeting: 'Hello' }),
  'deepgram-listen': () => new DeepgramListen(),
  'deepgram-flux': () => new DeepgramFlux(),
}

/** No message of a provider means more than this, beside one event for each part that it lists. */
const MOST_EVENTS = 16

for (const [name, create] of Object.entries(PROVIDERS)) {
  const message = messages(recorded(name))
  const binary = bytes(9).map((hex) => ({ bytes: hex }))
  const known = fc.oneof({ weight: 9, arbitrary: message }, { weight: 1, arbitrary: binary })
  fuzz<Conversation>(name, {
    inputs: fc.array(known, { maxLength: 8 }),
    runs: 1500,
    check: (conversation) => {
      const provider = create()
      for (const event of provider.open({ history: [], resumed: false })) judge(event)
      for (const data of conversation) decode(provider, data)
    },
  })
}

function decode(provider: Provider, data: Conversation[number]): void {
  const wire = typeof data === 'string' ? data : new Uint8Array(Buffer.from(data.bytes, 'hex')).buffer
  let events = 0
  for (const event of provider.decode(wire)) {
    judge(event)
    events += 1
  }
  const length = typeof wire === 'string' ? wire.length : wire.byteLength
  // Work is bounded by what has come.
  assert.ok(events <= MOST_EVENTS + length, `${events} events of ${length} characters`)
}

/** Whoever gets an event may rely on its types. */
function judge(event: ProviderEvent): void {
  switch (event.type) {
    case 'reply':
      assert.ok(typeof event.data === 'string' || event.data instanceof Uint8Array)
      break
    case 'audio':
      assert.ok(event.data instanceof Uint8Array)
      assert.equal(typeof event.itemId, 'string')
      break
    case 'transcript':
      assert.equal(typeof event.id, 'string')
      assert.equal(typeof event.final, 'boolean')
      assert.ok(['string', 'undefined'].includes(typeof event.text))
      assert.ok(['string', 'undefined'].includes(typeof event.delta))
      for (const word of event.words ?? []) numbers([word.startMs, word.endMs, word.confidence])
      break
    case 'tool-call':
      for (const field of [event.callId, event.name, event.arguments]) assert.equal(typeof field, 'string')
      break
    case 'tool-cancel':
      for (const id of event.callIds) assert.equal(typeof id, 'string')
      break
    case 'usage': {
      const { source: _, ...counts } = event.usage
      numbers(Object.values(counts))
      break
    }
    case 'latency':
      numbers(Object.values(event.latency))
      break
    case 'response-end':
      assert.ok(['completed', 'cancelled', 'failed', 'incomplete'].includes(event.status))
      break
    case 'warning':
      assert.equal(typeof event.code, 'string')
      assert.equal(typeof event.message, 'string')
      break
    case 'error':
    case 'update-rejected':
      assert.ok(event.error instanceof VoiceError)
      break
  }
}

function numbers(values: readonly unknown[]): void {
  for (const value of values)
    assert.ok(typeof value === 'number' && !Number.isNaN(value), `${value} is no number`)
}
