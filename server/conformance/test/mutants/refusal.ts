/** A client that is turned away. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly status: number
  readonly code: string
  readonly headers: Readonly<Record<string, string>>

  constructor(status: number, code: string, headers: Readonly<Record<string, string>> = {}) {
    super(code)
    this.status = status
    this.code = code
    this.headers = headers
  }

  /** The body of section 12. */
  get body(): string {
    const retry = this.headers['Retry-After']
    const error = {
      code: this.code,
      message: 'The relay says no',
      ...(retry && { retryAfter: Number(retry) }),
    }
    return JSON.stringify({ success: false, error })
  }
}
