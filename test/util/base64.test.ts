import { expect } from 'chai'
import { decodeBase64, encodeBase64 } from '../../src/util/base64.ts'

const bytes = Uint8Array.from({ length: 70_001 }, (_, i) => (i * 31) & 255)

/** Runs a check as if the browser had no base64 of its own. */
function withoutNative(check: () => void): void {
  const to = Object.getOwnPropertyDescriptor(Uint8Array.prototype, 'toBase64')
  const from = Object.getOwnPropertyDescriptor(Uint8Array, 'fromBase64')
  if (to) delete (Uint8Array.prototype as { toBase64?: unknown }).toBase64
  if (from) delete (Uint8Array as { fromBase64?: unknown }).fromBase64
  try {
    check()
  } finally {
    if (to) Object.defineProperty(Uint8Array.prototype, 'toBase64', to)
    if (from) Object.defineProperty(Uint8Array, 'fromBase64', from)
  }
}

/** What each text is: bytes, or null for what is refused. Both ways must agree, whatever the browser. */
const TEXTS: Readonly<Record<string, number[] | null>> = {
  '': [],
  AQID: [1, 2, 3],
  'AQI=': [1, 2],
  'AQ==': [1],
  AQI: [1, 2],
  AQ: [1],
  ' A\nQ = =\t': [1],
  'AR==': [1],
  '+/+/': [251, 255, 191],
  A: null,
  'AQ=': null,
  'A===': null,
  'AQ==AQ==': null,
  'AQID=': null,
  '====': null,
  '-_-_': null,
  '***': null,
  AQIé: null,
}

const NATIVE = 'with what the browser has'

/** Runs a check with what the browser has, and as if it had nothing. */
const ways: readonly [string, (check: () => void) => void][] = [
  [NATIVE, (check) => check()],
  ['without native support', withoutNative],
]

describe('base64', () => {
  it('is native in this browser, so that both ways are tested', () => {
    expect('toBase64' in Uint8Array.prototype && 'fromBase64' in Uint8Array).to.equal(true)
    withoutNative(() => {
      expect('toBase64' in Uint8Array.prototype || 'fromBase64' in Uint8Array).to.equal(false)
    })
  })

  for (const [way, run] of ways) {
    it(`encodeBase64() and decodeBase64() are inverse for every length, ${way}`, () => {
      run(() => {
        for (const length of [0, 1, 2, 3, 4, 960, 4800, 0x8000, 70_001]) {
          const part = bytes.subarray(0, length)
          const text = encodeBase64(part)
          expect(text).to.equal(btoa(Array.from(part, (byte) => String.fromCharCode(byte)).join('')))
          expect(decodeBase64(text)).to.deep.equal(part)
        }
      })
    })

    it(`encodeBase64() encodes the part of a buffer that it is given, ${way}`, () => {
      run(() => expect(encodeBase64(Uint8Array.of(9, 1, 2, 3, 9).subarray(1, 4))).to.equal('AQID'))
    })

    it(`decodeBase64() takes what is base64 and refuses the rest, ${way}`, () => {
      run(() => {
        for (const [text, expected] of Object.entries(TEXTS)) {
          if (expected) expect([...decodeBase64(text)], text).to.deep.equal(expected)
          else expect(() => decodeBase64(text), text).to.throw(way === NATIVE ? SyntaxError : DOMException)
        }
      })
    })
  }
})
