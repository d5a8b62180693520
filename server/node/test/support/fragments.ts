import { randomBytes } from 'node:crypto'

export interface FragmentOptions {
  readonly final?: boolean
  readonly masked?: boolean
  /** Reserved bits, as they stand in the first byte. */
  readonly reserved?: number
  /** Bytes for the length; default the fewest that do. */
  readonly lengthBytes?: 0 | 2 | 8
  /** The length that is written, where it is to be a lie. */
  readonly declared?: bigint
}

/** One fragment of a message, or one control message, right or wrong. */
export function fragment(opcode: number, payload: Buffer | string, options: FragmentOptions = {}): Buffer {
  const { final = true, masked = true, reserved = 0 } = options
  const bytes = Buffer.from(payload)
  const length = options.declared ?? BigInt(bytes.length)
  const lengthBytes = options.lengthBytes ?? (length < 126n ? 0 : length < 65536n ? 2 : 8)
  const head = Buffer.alloc(2 + lengthBytes)
  head[0] = (final ? 0x80 : 0) | reserved | opcode
  head[1] = (masked ? 0x80 : 0) | (lengthBytes === 0 ? Number(length) : lengthBytes === 2 ? 126 : 127)
  if (lengthBytes === 2) head.writeUInt16BE(Number(length), 2)
  if (lengthBytes === 8) head.writeBigUInt64BE(length, 2)
  if (!masked) return Buffer.concat([head, bytes])
  const mask = randomBytes(4)
  for (let index = 0; index < bytes.length; index += 1) bytes[index]! ^= mask[index & 3]!
  return Buffer.concat([head, mask, bytes])
}

/** A close with a code. */
export function closeMessage(
  code: number,
  reason: string | Buffer = '',
  options: FragmentOptions = {},
): Buffer {
  const payload = Buffer.alloc(2)
  payload.writeUInt16BE(code)
  return fragment(8, Buffer.concat([payload, Buffer.from(reason)]), options)
}
