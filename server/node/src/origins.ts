/** Which pages may use the relay. */
export interface OriginPolicy {
  /** Whether a request with this `Origin` may go on; null: it had none, as it does not come from a page. */
  allows(origin: string | null): boolean
  /** Whether an answer to this `Origin` may be read there. */
  mayRead(origin: string | null): origin is string
  /** The named origin that is served on a host, as in `Host`; null where there is none. */
  onHost(host: string): string | null
}

/**
 * Exact origins, without patterns: a suffix that looks alike is another site.
 *
 * @param allowed Origins such as `https://example.com`, or `*` for all of them.
 * @throws {TypeError} Where an entry is no origin.
 */
export function originPolicy(allowed: readonly string[]): OriginPolicy {
  const origins = new Set(allowed)
  const any = origins.delete('*')
  for (const origin of origins) {
    if (isOrigin(origin)) continue
    throw new TypeError(
      `Cannot allow an origin as it must be like https://example.com, without a path: current value is ${origin}`,
    )
  }
  const known = (origin: string) => any || origins.has(origin)
  return {
    allows: (origin) => origin === null || known(origin),
    mayRead: (origin): origin is string => origin !== null && known(origin),
    onHost: (host) => [...origins].find((origin) => new URL(origin).host === host) ?? null,
  }
}

/** Whether a text is exactly what a browser would send as `Origin`. */
export function isOrigin(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, origin } = new URL(text)
  // Schemes that the URL standard does not know (an app's or an extension's) have no origin of their own there.
  return (
    origin === text ||
    (origin === 'null' && /^[a-z][a-z\d+.-]*:\/\/[^/?#]+$/.test(text) && protocol !== 'file:')
  )
}

/** @throws {TypeError} Where all origins are allowed in production. */
export function checkOrigins({
  production,
  allowedOrigins,
}: {
  readonly production: boolean
  readonly allowedOrigins: readonly string[]
}): void {
  if (!production || !allowedOrigins.includes('*')) return
  throw new TypeError('Cannot allow all origins in production as each must be named: current value is *')
}
