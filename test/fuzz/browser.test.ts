import assert from 'node:assert/strict'
import fc from 'fast-check'
import { LocaleController } from '../../elements/internal/locale.ts'
import { ChunkDecoder } from '../../src/audio/chunk-decoder.ts'
import {
  decodeAlaw,
  decodeMulaw,
  decodePCM16,
  encodeAlaw,
  encodeMulaw,
  encodePCM16,
} from '../../src/audio/index.ts'
import { TokenClient, VoiceError, webStorage } from '../../src/index.ts'
import { relayError } from '../../src/providers/relay-errors.ts'
import { closeError } from '../../src/session/close.ts'
import { Transcript } from '../../src/session/transcript.ts'
import { decodeBase64, encodeBase64 } from '../../src/util/base64.ts'
import { fuzz } from './support/fuzz.ts'
import { bytes, messages, phrase, text } from './support/inputs.ts'

const LETTERS = ['QUJD', 'AA==', 'AAA=', '+/+/', '=', '\n', ' ', '-_', 'A']

fuzz<string>('base64', {
  inputs: fc.oneof(
    phrase(LETTERS),
    bytes(40).map((hex) => Buffer.from(hex, 'hex').toString('base64')),
  ),
  runs: 3000,
  check: (input) => {
    const decoded = orNull(() => decodeBase64(input), [SyntaxError, DOMException])
    if (decoded === null) return
    const known = Buffer.from(input, 'base64')
    assert.deepEqual(Buffer.from(decoded), known)
    assert.equal(encodeBase64(decoded), known.toString('base64'))
  },
})

/** Bytes of sound, and where they are cut. */
interface Sound {
  readonly bytes: string
  readonly cuts: readonly number[]
}

fuzz<Sound>('sound', {
  inputs: fc.record({ bytes: bytes(64), cuts: fc.array(fc.nat(64), { maxLength: 6 }) }),
  runs: 3000,
  check: (input) => {
    const whole = new Uint8Array(Buffer.from(input.bytes, 'hex'))
    const view = new DataView(whole.buffer)
    const expected = Array.from({ length: whole.length >> 1 }, (_, i) => view.getInt16(2 * i, true))
    const decoder = new ChunkDecoder('pcm16')
    const found = pieces(whole, input.cuts).flatMap((piece) => [...decoder.decode('item', piece)])
    assert.deepEqual(found, expected)
    const samples = Int16Array.from(expected)
    assert.deepEqual(encodePCM16(decodePCM16(samples)), samples)
    for (const law of [
      { encode: encodeMulaw, decode: decodeMulaw },
      { encode: encodeAlaw, decode: decodeAlaw },
    ]) {
      const heard = law.decode(whole)
      assert.equal(heard.length, whole.length)
      // A sample that has a code of its own keeps it.
      assert.deepEqual(law.decode(law.encode(heard)), heard)
    }
    const anything = new Float32Array(whole.buffer.slice(0, whole.length & ~3))
    assert.equal(encodePCM16(anything).length, anything.length)
  },
})

fuzz<{ readonly code: number; readonly reason: string }>('close', {
  inputs: fc.record({
    code: fc.oneof(fc.integer({ min: 1000, max: 4999 }), fc.integer()),
    reason: text(123),
  }),
  runs: 1000,
  check: ({ code, reason }) => {
    for (const opened of [true, false]) {
      const error = closeError({ code, reason, opened, wasClean: true } as never, opened)
      assert.equal(error.closeCode, code)
      assert.ok(error.message.length <= reason.length + 80)
    }
  },
})

fuzz<{ readonly code: string; readonly message: string }>('relay-error', {
  inputs: fc.record({
    code: fc.oneof(fc.constantFrom('ticket_used', 'constructor', '__proto__', 'toString'), text(20)),
    message: text(60),
  }),
  runs: 1000,
  check: ({ code, message }) => {
    const event = relayError(code, message)
    assert.ok(event === null || (event.error instanceof VoiceError && event.error.message === message))
  },
})

/** What a token service answers. */
interface TokenReply {
  readonly status: number
  readonly body: string
  readonly headers: readonly (readonly [string, string])[]
}

const header = fc.tuple(
  fc.constantFrom('retry-after', 'date', 'content-type'),
  phrase(['0', '31', '1e9', '.', 'Wed, 21 Oct 2015 07:28:00 GMT', '-1']).filter((value) =>
    /^[\x20-\x7e]*$/.test(value),
  ),
)

fuzz<TokenReply>('token-client', {
  inputs: fc.record({
    status: fc.oneof(fc.constantFrom(200, 401, 429, 503), fc.integer({ min: 200, max: 599 })),
    body: messages([
      { success: true, token: 'secret-token', expiresIn: 60, mode: 'relay' },
      { success: true, token: 'secret-token', expiresIn: 1, mode: 'openai' },
    ]),
    headers: fc.array(header, { maxLength: 2 }),
  }),
  runs: 2000,
  check: async ({ status, body, headers }) => {
    const empty = [204, 205, 304].includes(status)
    const reply = () => new Response(empty ? null : body, { status, headers: headers as [string, string][] })
    const client = new TokenClient({
      url: 'https://app.example/token',
      maxAttempts: 1,
      fetch: async () => reply(),
    })
    try {
      const token = await client.get()
      assert.ok(typeof token === 'string' && token !== '')
      assert.equal(token, (JSON.parse(body) as { token: unknown }).token)
    } catch (error) {
      assert.ok(error instanceof VoiceError, String(error))
      assert.ok(!error.message.includes('secret-token'))
    } finally {
      client.close()
    }
  },
})

fuzz<string>('history', {
  inputs: messages([
    {
      version: 1,
      turns: [
        { role: 'user', id: 'u1', text: 'Hello', final: true, interrupted: false, startedAt: 1 },
        { role: 'tool', callId: 'c1', name: 'clock', arguments: '{}', output: 'noon' },
        { role: 'assistant', id: 'a1', text: 'Hi', final: true, interrupted: true, startedAt: 2 },
      ],
    },
  ]),
  runs: 3000,
  check: async (kept) => {
    const area = { getItem: () => kept, setItem: () => {}, removeItem: () => {} }
    const turns = await webStorage('chat', area as unknown as Storage).load()
    for (const turn of turns) {
      assert.ok(['user', 'assistant', 'tool'].includes(turn.role))
      if (turn.role !== 'tool') assert.equal(typeof turn.text, 'string')
    }
    const transcript = new Transcript()
    transcript.restore(turns)
    assert.ok(transcript.turns.length <= turns.length)
    assert.doesNotThrow(() => JSON.stringify(transcript.turns))
  },
})

fuzz<string>('language', {
  inputs: fc.oneof(phrase(['de', 'DE-at', '-', 'constructor', '__proto__', 'zh-Hant', 'x']), text(20)),
  runs: 500,
  check: async (lang) => {
    const words = await wordsFor(lang)
    for (const [name, word] of Object.entries(words ?? {})) {
      assert.ok(typeof word === 'string' || ['errors', 'recovery'].includes(name), name)
    }
  },
})

/** What an element in a language is given in place of its English words; null: nothing. */
async function wordsFor(lang: string): Promise<object | null> {
  let told: object | null = null
  const host = {
    ownerDocument: { documentElement: {} },
    closest: () => ({ lang }),
    addController: (controller: LocaleController) => controller.hostConnected(),
  }
  Object.assign(globalThis, {
    MutationObserver: class {
      observe(): void {}
      disconnect(): void {}
    },
  })
  new LocaleController(host as never, (words) => {
    told = words
  })
  await new Promise(setImmediate)
  return told
}

function pieces(whole: Uint8Array<ArrayBuffer>, cuts: readonly number[]): Uint8Array<ArrayBuffer>[] {
  const places = [0, ...cuts.map((cut) => Math.min(cut, whole.length)), whole.length].sort((a, b) => a - b)
  return places.slice(1).map((end, i) => whole.subarray(places[i]!, end))
}

function orNull<T>(parse: () => T, errors: readonly (new (...parameters: never[]) => Error)[]): T | null {
  try {
    return parse()
  } catch (error) {
    assert.ok(
      errors.some((kind) => error instanceof kind),
      String(error),
    )
    return null
  }
}
