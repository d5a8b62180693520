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

/** What may be one word; where so many letters and digits follow one another, with a digit among them, it is none. */
const RUN = /[\w.~+/=-]{16,}/g
const UNREADABLE = /^(?=.*\d).*[A-Za-z\d]{16}/

/** A field whose text is secret, whatever it looks like. */
const SECRET_NAME = /token|key|ticket|secret|password|credential|authorization/i

/** A text for people is shorter; the rest of a longer one is left out. */
const MAX_LENGTH = 2000

/**
 * Takes out of a text what may be secret: keys, tokens, tickets, the queries of addresses.
 *
 * @param known Secrets that are known, taken out wherever they stand; those of under four characters are passed over.
 */
export function redact(text: string, known: readonly string[] = []): string {
  let clean = text
  for (const secret of known) {
    if (secret.length > 3) clean = clean.replaceAll(secret, REMOVED)
  }
  // Up to a space, so that no part of a secret stands at the end.
  if (clean.length > MAX_LENGTH) clean = `${clean.slice(0, MAX_LENGTH).replace(/\S*$/, '')}…`
  for (const [pattern, rest] of PATTERNS) clean = clean.replace(pattern, rest)
  return clean.replace(RUN, (run) => (UNREADABLE.test(run) ? REMOVED : run))
}

/** @returns The value as JSON, with every text in it redacted. */
export function toRedactedJSON(value: unknown, known: readonly string[] = []): string {
  const clean = (name: string, inner: unknown): unknown => {
    if (typeof inner !== 'string') return inner
    return SECRET_NAME.test(name) ? REMOVED : redact(inner, known)
  }
  return JSON.stringify(value, clean, 2)
}
