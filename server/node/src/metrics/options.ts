/** How a relay shows what it does. Without `token` and `port` nothing is shown over HTTP. */
export interface MetricsOptions {
  /**
   * What `GET /metrics` and `GET /stats` must carry as `Authorization: Bearer`; at least 16 printable characters
   * without spaces.
   */
  readonly token?: string
  /**
   * Serves both on a port of their own instead, with `/health` and `/ready`, where the relay listens by itself;
   * 0: any free port. `token` is then needed only where it is given.
   */
  readonly port?: number
  /** Of that port; default `127.0.0.1`. */
  readonly host?: string
}

const LEAST_TOKEN_CHARACTERS = 16

/** Whether a token may guard what the relay shows. */
export function isMetricsToken(token: string): boolean {
  return token.length >= LEAST_TOKEN_CHARACTERS && /^[\x21-\x7e]+$/.test(token)
}

/** @throws {TypeError} Where the token is short, or not printable; it is not shown. */
export function checkMetricsOptions({ token }: MetricsOptions): void {
  if (token === undefined || isMetricsToken(token)) return
  throw new TypeError(
    `Cannot show metrics as metrics.token must be at least ${LEAST_TOKEN_CHARACTERS} printable characters without spaces: current value has ${token.length}`,
  )
}
