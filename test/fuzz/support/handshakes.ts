/** What clients write into a handshake; the relays in Python are fed with the same. */
import fc from 'fast-check'
import { phrase, text } from './inputs.ts'

/** An address behind proxies. */
export interface Forwarded {
  readonly remote: string
  /** `X-Forwarded-For`. */
  readonly header: string
  readonly proxies: number
}

export const ADDRESSES = [
  '192.0.2.1',
  '::1',
  '2001:db8::1',
  '2001:db8:1:2:3:4:5:6',
  '::ffff:192.0.2.7',
  '::ffff:c000:207',
  '::',
  'fe80::1%eth0',
  '1:2:3:4:5:6:7::',
]

const WORDS = [
  'model',
  '=',
  '&',
  'token',
  'service',
  '%74oken',
  '%',
  '%zz',
  '+',
  '#',
  ';',
  'a',
  '%00',
  '%c3%28',
  'ä',
  '?',
]

/** Characters that a parser of HTTP lets through. */
const inHeader = (value: string) => value.replace(/[^\t\x20-\x7e\x80-\xff]/g, '')

/** A query without its '?'. */
export const queries: fc.Arbitrary<string> = fc
  .oneof(phrase(WORDS), text(30))
  .map((query) => inHeader(query).replace(/[\t ]/g, ''))

/** `Sec-WebSocket-Protocol`. */
export const subprotocols: fc.Arbitrary<string> = phrase([
  'realtime',
  'token',
  'bearer',
  ',',
  ', ',
  'openai-insecure-api-key.',
  'openai-beta.realtime-v1',
  'access_token.',
  'sk-',
  'abcdefghijklmnopqrstuvwxyz0123456789',
  'plain',
]).map(inHeader)

/** `Origin`. */
export const origins: fc.Arbitrary<string> = fc
  .oneof(
    phrase([
      'https://',
      'http://',
      'app.example',
      'localhost',
      ':8000',
      ':443',
      '/',
      'null',
      '@',
      '.',
      '[::1]',
      'file:',
      'a-b:',
      'A',
      '\\',
      '%41',
      '_',
    ]),
    text(20),
  )
  .map(inHeader)

const entry = fc.oneof(
  fc.constantFrom(...ADDRESSES),
  phrase(['192.0.2.1', ':80', '[', ']', '::1', ' ', '%', '256.1.1.1', '01.2.3.4'], 4),
)

export const forwarded: fc.Arbitrary<Forwarded> = fc.record({
  remote: fc.constantFrom(...ADDRESSES),
  header: fc.array(entry, { maxLength: 4 }).map((entries) => inHeader(entries.join(', '))),
  proxies: fc.nat(3),
})
