import { randomFillSync } from 'node:crypto'
import { type Close, cutReason } from './close-codes.ts'

/** RFC 6455's opcodes. */
export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const

const FIN = 0x80
const MASK = 0x80

// Masks must be unpredictable (RFC 6455 §5.3); one call for many of them is far cheaper than a call each.
const randomPool = Buffer.alloc(1024)
let randomUsed = randomPool.length

/**
 * One whole message or control message as bytes for the wire.
 *
 * @param opcode One of `OPCODE`.
 * @param payload At most 125 bytes for a control message.
 * @param masked Whether it goes to a server, which demands a mask.
 */
export function encodeMessage(opcode: number, payload: Buffer, masked: boolean): Buffer {
  const lengthBytes = payload.length < 126 ? 0 : payload.length < 65536 ? 2 : 8
  const payloadAt = 2 + lengthBytes + (masked ? 4 : 0)
  const bytes = Buffer.allocUnsafe(payloadAt + payload.length)
  bytes[0] = FIN | opcode
  bytes[1] = (masked ? MASK : 0) | (lengthBytes === 0 ? payload.length : lengthBytes === 2 ? 126 : 127)
  if (lengthBytes === 2) bytes.writeUInt16BE(payload.length, 2)
  if (lengthBytes === 8) bytes.writeBigUInt64BE(BigInt(payload.length), 2)
  payload.copy(bytes, payloadAt)
  if (masked) {
    takeMask().copy(bytes, payloadAt - 4)
    applyMask(bytes.subarray(payloadAt), bytes.subarray(payloadAt - 4, payloadAt))
  }
  return bytes
}

/** A close as bytes for the wire; 1005 sends no code, and the reason is cut to fit. */
export function encodeClose(close: Close, masked: boolean): Buffer {
  if (close.code === 1005) return encodeMessage(OPCODE.close, Buffer.alloc(0), masked)
  const reason = Buffer.from(cutReason(close.reason))
  const payload = Buffer.allocUnsafe(2 + reason.length)
  payload.writeUInt16BE(close.code, 0)
  reason.copy(payload, 2)
  return encodeMessage(OPCODE.close, payload, masked)
}

/** Masks or unmasks in place. */
export function applyMask(bytes: Buffer, mask: Buffer): void {
  const first = mask[0]!
  const second = mask[1]!
  const third = mask[2]!
  const fourth = mask[3]!
  const whole = bytes.length & ~3
  // Four at a time, with the mask in registers: twice as fast as looking it up for each byte.
  for (let index = 0; index < whole; index += 4) {
    bytes[index]! ^= first
    bytes[index + 1]! ^= second
    bytes[index + 2]! ^= third
    bytes[index + 3]! ^= fourth
  }
  for (let index = whole; index < bytes.length; index += 1) bytes[index]! ^= mask[index & 3]!
}

function takeMask(): Buffer {
  if (randomUsed === randomPool.length) {
    randomFillSync(randomPool)
    randomUsed = 0
  }
  randomUsed += 4
  return randomPool.subarray(randomUsed - 4, randomUsed)
}
