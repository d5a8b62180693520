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
    // `apply` reads the array as it is; a spread would iterate over it, which takes eight times as long.
    binary += String.fromCharCode.apply(
      null,
      bytes.subarray(i, i + ARGUMENTS_MAX) as Iterable<number> as number[],
    )
  }
  return btoa(binary)
}

/**
 * @param text Padded or not; white space is passed over.
 * @returns The bytes that the base64 text stands for.
 * @throws {SyntaxError | DOMException} If it is not base64; the latter without native support.
 */
export function decodeBase64(text: string): Uint8Array<ArrayBuffer> {
  const native = (Uint8Array as NativeBase64Constructor).fromBase64
  if (native) return native.call(Uint8Array, text)
  const binary = atob(text)
  const bytes = new Uint8Array(binary.length)
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i)
  return bytes
}
