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

describe('base64', () => {
  const check = (): void => {
    for (const length of [0, 1, 2, 3, 4, 70_001]) {
      const part = bytes.subarray(0, length)
      const text = encodeBase64(part)
      expect(text).to.equal(btoa(Array.from(part, (byte) => String.fromCharCode(byte)).join('')))
      expect(decodeBase64(text)).to.deep.equal(part)
    }
  }

  it('encodeBase64() and decodeBase64() are inverse for every length', check)
  it('encodeBase64() and decodeBase64() are the same without native support', () => withoutNative(check))
  it('decodeBase64() throws on what is not base64', () => {
    expect(() => decodeBase64('***')).to.throw()
    withoutNative(() => expect(() => decodeBase64('***')).to.throw())
  })
})
