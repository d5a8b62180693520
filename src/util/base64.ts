/** The part of https://tc39.es/proposal-arraybuffer-base64/ that is used where the browser has it. */
interface NativeBase64 {
  toBase64?(): string
}
interface NativeBase64Constructor {
  fromBase64?(text: string): Uint8Array<ArrayBuffer>
}

/** Arguments that `String.fromCharCode` takes at once in every engine. */
const ARGUMENTS_MAX = 0x8000

/** @returns The bytes as padded base64. */
export function encodeBase64(bytes: Uint8Array): string {
  const native = (bytes as NativeBase64).toBase64
  if (native) return native.call(bytes)
  let binary = ''
  for (let i = 0; i < bytes.length; i += ARGUMENTS_MAX) {
    binary += String.fromCharCode(...bytes.subarray(i, i + ARGUMENTS_MAX))
  }
  return btoa(binary)
}

/**
 * @returns The bytes that the base64 text stands for.
 * @throws {DOMException | SyntaxError} If it is not base64.
 */
export function decodeBase64(text: string): Uint8Array<ArrayBuffer> {
  const native = (Uint8Array as NativeBase64Constructor).fromBase64
  if (native) return native.call(Uint8Array, text)
  const binary = atob(text)
  const bytes = new Uint8Array(binary.length)
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i)
  return bytes
}
