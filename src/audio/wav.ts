/**
 * @param byteLength Bytes of 16-bit samples that follow.
 * @returns The 44 bytes at the head of a WAV file.
 * @see https://www.mmsp.ece.mcgill.ca/Documents/AudioFormats/WAVE/WAVE.html
 */
export function wavHeader({
  sampleRate,
  channels,
  byteLength,
}: {
  sampleRate: number
  channels: number
  byteLength: number
}): Uint8Array<ArrayBuffer> {
  const header = new DataView(new ArrayBuffer(44))
  const text = (at: number, value: string) => {
    for (let i = 0; i < value.length; i++) header.setUint8(at + i, value.charCodeAt(i))
  }
  text(0, 'RIFF')
  header.setUint32(4, 36 + byteLength, true)
  text(8, 'WAVEfmt ')
  header.setUint32(16, 16, true)
  header.setUint16(20, 1, true)
  header.setUint16(22, channels, true)
  header.setUint32(24, sampleRate, true)
  header.setUint32(28, sampleRate * channels * 2, true)
  header.setUint16(32, channels * 2, true)
  header.setUint16(34, 16, true)
  text(36, 'data')
  header.setUint32(40, byteLength, true)
  return new Uint8Array(header.buffer)
}
