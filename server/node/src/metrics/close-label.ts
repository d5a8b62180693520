/** What the relay itself closes with, besides RFC 6455's own. */
const OWN = new Set([4401, 4403, 4408, 4429])

/**
 * A close code as a label. A peer may choose any of two thousand; those that mean nothing to the relay share the
 * label of their range: RFC 6455's 3000…3999 for libraries and 4000…4999 for applications.
 */
export function closeLabel(code: number): string {
  if ((code >= 1000 && code <= 1015) || OWN.has(code)) return String(code)
  if (code >= 3000 && code <= 3999) return '3xxx'
  return code >= 4000 && code <= 4999 ? '4xxx' : 'other'
}
