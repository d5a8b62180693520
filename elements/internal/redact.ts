const REMOVED = '[removed]'

/** What looks like a secret, and what stays of it. */
const PATTERNS: readonly (readonly [RegExp, string])[] = [
  // The query, fragment and user of an address.
  [/(\b[a-z][\w+.-]*:\/\/)[^\s/?#"'<>]*@/gi, '$1'],
  [/(\b[a-z][\w+.-]*:\/\/[^\s?#"'<>]*|\/[^\s?#"'<>]*)[?#][^\s"'<>]*/gi, '$1'],
  [/\b(bearer|basic)\s+[^\s"',;]+/gi, `$1 ${REMOVED}`],
  // Named, as in `token=…` or `"apiKey": "…"`.
  [
    /(\b\w*(?:token|key|ticket|secret|password|credential|authorization)["']?\s*[=:]\s*["']?)[^\s"',;&]+/gi,
    `$1${REMOVED}`,
  ],
  // Keys of providers, by how they begin; the subprotocol that carries one; identifiers that are guessed by nobody.
  [/\b(?:sk|ek|rk|pk)[-_][\w-]+|\b(?:openai-insecure-api-key|eyJ)[\w.-]+/g, REMOVED],
  [/\b[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}\b/gi, REMOVED],
]

/** So many letters and digits in a row, with a digit among them, are no word. */
const RUN = /[\w.~+/=-]*[A-Za-z\d]{16,}[\w.~+/=-]*/g

/**
 * Takes out of a text what may be secret: keys, tokens, tickets, the queries of addresses.
 *
 * @param known Secrets that are known, taken out wherever they stand; those of under four characters are passed over.
 */
export function redact(text: string, known: Iterable<string> = []): string {
  let clean = text
  for (const secret of known) {
    if (secret.length > 3) clean = clean.replaceAll(secret, REMOVED)
  }
  for (const [pattern, rest] of PATTERNS) clean = clean.replace(pattern, rest)
  return clean.replace(RUN, (run) => (/\d/.test(run) ? REMOVED : run))
}

/** @returns The value as JSON, with every text in it redacted. */
export function toRedactedJSON(value: unknown, known: Iterable<string> = []): string {
  const secrets = [...known]
  return JSON.stringify(value, (_, inner) => (typeof inner === 'string' ? redact(inner, secrets) : inner), 2)
}
