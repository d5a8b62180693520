/** What a WebSocket was closed with. 1005: a close without a code. 1006: no close at all. */
export interface Close {
  readonly code: number
  /** At most 123 bytes of UTF-8 once it is on the wire. */
  readonly reason: string
}

const MOST_REASON_BYTES = 123

/**
 * Whether a code may stand in a close on the wire.
 *
 * @see https://www.rfc-editor.org/rfc/rfc6455#section-7.4 and the IANA registry for 1012 to 1014
 */
export function isWireCloseCode(code: number): boolean {
  if (code >= 3000) return code <= 4999
  return code >= 1000 && code <= 1014 && code !== 1004 && code !== 1005 && code !== 1006
}

/**
 * The code that tells one side how the other side ended: 1005 becomes 1000, what cannot be sent becomes 1011,
 * everything else stays itself.
 */
export function mapCloseCode(code: number): number {
  if (code === 1005) return 1000
  return isWireCloseCode(code) ? code : 1011
}

/** Cuts a reason to the 123 bytes of UTF-8 that a close has room for, never inside a character. */
export function cutReason(reason: string): string {
  const bytes = Buffer.from(reason)
  if (bytes.length <= MOST_REASON_BYTES) return reason
  let end = MOST_REASON_BYTES
  while (isContinuation(bytes[end]!)) end -= 1
  return bytes.toString('utf8', 0, end)
}

/** Whether a byte of UTF-8 continues a character that began before it. */
function isContinuation(byte: number): boolean {
  return (byte & 0xc0) === 0x80
}
