import { randomFillSync } from 'node:crypto'

/** RFC 6455's opcodes. */
export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const

export interface FragmentOptions {
  /** Whether it is the last of its message; default true. */
  readonly final?: boolean
  /** Whether it is masked, as what goes to a server must be. */
  readonly masked: boolean
  /** Reserved bits, as they stand in the first byte; default none. */
  readonly reserved?: number
  /** The length that is written, where it is to be a lie. */
  readonly declared?: number
}

/** One fragment of a message, or one control message, right or wrong. */
export function encodeFragment(opcode: number, payload: string | Buffer, options: FragmentOptions): Buffer {
  const { final = true, masked, reserved = 0 } = options
  const bytes = Buffer.from(payload) // a copy: masking happens in place
  const length = options.declared ?? bytes.length
  const lengthBytes = length < 126 ? 0 : length < 65536 ? 2 : 8
  const head = Buffer.alloc(2 + lengthBytes)
  head[0] = (final ? 0x80 : 0) | reserved | opcode
  head[1] = (masked ? 0x80 : 0) | (lengthBytes === 0 ? length : lengthBytes === 2 ? 126 : 127)
  if (lengthBytes === 2) head.writeUInt16BE(length, 2)
  if (lengthBytes === 8) head.writeBigUInt64BE(BigInt(length), 2)
  if (!masked) return Buffer.concat([head, bytes])
  const mask = randomFillSync(Buffer.alloc(4))
  applyMask(bytes, mask)
  return Buffer.concat([head, mask, bytes])
}

/** The payload of a close; 1005: without a code. */
export function closePayload(code: number, reason: string | Buffer = ''): Buffer {
  if (code === 1005) return Buffer.alloc(0)
  const payload = Buffer.alloc(2)
  payload.writeUInt16BE(code)
  return Buffer.concat([payload, Buffer.from(reason)])
}

/** Masks or unmasks in place. */
function applyMask(bytes: Buffer, mask: Buffer): void {
  for (let index = 0; index < bytes.length; index += 1) bytes[index]! ^= mask[index & 3]!
}

/** One fragment or control message that was read. */
export interface Fragment {
  readonly opcode: number
  readonly final: boolean
  readonly masked: boolean
  readonly reserved: number
  /** Unmasked. */
  readonly payload: Buffer
}

/** Cuts a stream of bytes into fragments; what they mean is for others to judge. */
export class FragmentReader {
  #chunks: Buffer[] = []
  #bytes = 0
  /** How many bytes must be here before it is worth looking again. */
  #needed = 2

  /** @returns The fragments that are whole by now, in order. */
  push(chunk: Buffer): readonly Fragment[] {
    this.#chunks.push(chunk)
    this.#bytes += chunk.length
    const fragments: Fragment[] = []
    while (this.#bytes >= this.#needed) {
      const fragment = this.#read()
      if (fragment !== null) fragments.push(fragment)
    }
    return fragments
  }

  #read(): Fragment | null {
    const bytes = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks)
    this.#chunks = [bytes]
    const short = bytes[1]! & 0x7f
    const lengthBytes = short < 126 ? 0 : short === 126 ? 2 : 8
    const masked = (bytes[1]! & 0x80) !== 0
    const start = 2 + lengthBytes + (masked ? 4 : 0)
    if (this.#wait(bytes, start)) return null
    const length =
      lengthBytes === 0 ? short : bytes.readUIntBE(lengthBytes === 2 ? 2 : 4, lengthBytes === 2 ? 2 : 6)
    if (this.#wait(bytes, start + length)) return null
    const payload = bytes.subarray(start, start + length)
    if (masked) applyMask(payload, Buffer.from(bytes.subarray(start - 4, start)))
    this.#chunks = [bytes.subarray(start + length)]
    this.#bytes = bytes.length - start - length
    this.#needed = 2
    return {
      opcode: bytes[0]! & 0x0f,
      final: (bytes[0]! & 0x80) !== 0,
      masked,
      reserved: bytes[0]! & 0x70,
      payload,
    }
  }

  #wait(bytes: Buffer, needed: number): boolean {
    this.#needed = needed
    return bytes.length < needed
  }
}
