/** The head of a request or an answer, as it came. */
export interface HttpHead {
  /** The first line. */
  readonly start: string
  /** Names as they were written, in order. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  /** What follows the head. */
  readonly rest: Buffer
}

/** @returns null as long as the head is not whole. */
export function parseHead(bytes: Buffer): HttpHead | null {
  const end = bytes.indexOf('\r\n\r\n')
  if (end < 0) return null
  const [start = '', ...lines] = bytes.toString('latin1', 0, end).split('\r\n')
  const headers = lines.map((line) => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon), line.slice(colon + 1).trim()] as const
  })
  return { start, headers, rest: bytes.subarray(end + 4) }
}

/** A header's value, those of several with the same name joined; null where there is none. */
export function headerOf({ headers }: Pick<HttpHead, 'headers'>, name: string): string | null {
  const values = headers.filter(([other]) => other.toLowerCase() === name.toLowerCase())
  return values.length === 0 ? null : values.map(([, value]) => value).join(', ')
}
