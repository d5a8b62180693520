export interface BackoffOptions {
  /** Upper bound of the first wait, in ms; it doubles with each attempt. */
  readonly initialMs: number
  /** Upper bound of every wait, in ms. */
  readonly maxMs: number
  /** @returns A number in 0…1, 1 excluded; default `Math.random`. */
  readonly random?: () => number
}

/**
 * Exponential backoff with full jitter: many clients that lost the same server do not come back together.
 *
 * @param attempt 0 for the first retry.
 * @returns How long to wait, in whole ms: 0…min(maxMs, initialMs × 2^attempt).
 * @see https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 */
export function backoffMs(
  attempt: number,
  { initialMs, maxMs, random = Math.random }: BackoffOptions,
): number {
  return Math.round(random() * Math.min(maxMs, initialMs * 2 ** attempt))
}
