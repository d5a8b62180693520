import { createHash } from 'node:crypto'

/** What a key, a token or a password of each kind looks like. */
const KINDS: Readonly<Record<string, RegExp>> = {
  'a key of OpenAI': /\bsk-[\w-]{20,}/g,
  'a client secret of OpenAI': /\bek_[A-Za-z\d]{20,}/g,
  'a key of Deepgram': /deepgram\w*\W{1,5}[\da-f]{40}\b/gi,
  'a key of AWS': /\b(?:AKIA|ASIA)[A-Z\d]{16}\b/g,
  'a key of Google': /\bAIza[\w-]{35}\b/g,
  'a token of GitHub': /\b(?:gh[pousr]_[A-Za-z\d]{36}|github_pat_\w{60,})/g,
  'a token of npm': /\bnpm_[A-Za-z\d]{36}\b/g,
  'a token of PyPI': /\bpypi-[\w-]{50,}/g,
  'a token of Slack': /\bxox[abeoprs]-[\w-]{10,}/g,
  'a private key': /-----BEGIN [A-Z ]*PRIVATE KEY-----(?:\s|\\n)*[A-Za-z\d+/]{32}/g,
  'a signed JWT': /\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{20,}/g,
  'a password in a URL': /\b[a-z]+:\/\/[\w.-]*:(?!pass|secret|\$)[^\s:/@'"`<>{}$]{8,}@[\w[]/gi,
  'a value under a secret name':
    /\b\w*(?:api_?key|secret|token|passw(?:or)?d)\w*["']?\s*[:=]\s*["'][A-Za-z\d+/_=.-]{24,}["']/gi,
}

/** Kinds that examples in documents look like, too. */
const UNCERTAIN = new Set(['a key of OpenAI', 'a password in a URL', 'a value under a secret name'])

/** Bits of a character, from which on a text was drawn rather than written. */
const LEAST_ENTROPY = 3.3

/** Something that looks like a secret. */
export interface Finding {
  readonly kind: string
  /** Counted from 1. */
  readonly line: number
  /** By which it can be named without being shown: the start of its SHA-256. */
  readonly digest: string
}

/** Looks for secrets in a text; what is found is not shown. */
export function findSecrets(text: string): readonly Finding[] {
  return Object.entries(KINDS).flatMap(([kind, pattern]) =>
    [...text.matchAll(pattern)]
      .filter(([found]) => !UNCERTAIN.has(kind) || isDrawn(found))
      .map(({ 0: found, index }) => ({
        kind,
        line: text.slice(0, index).split('\n').length,
        digest: createHash('sha256').update(found).digest('hex').slice(0, 12),
      })),
  )
}

/** Whether its longest word looks like random characters: examples in documents are words, or one character again and again. */
function isDrawn(found: string): boolean {
  const words = found.match(/[A-Za-z\d+/_]{16,}/g) ?? [found]
  const longest = words.reduce((one, other) => (other.length > one.length ? other : one))
  return (
    /\d/.test(longest) &&
    /[a-z]/i.test(longest) &&
    entropy(longest) >= Math.min(LEAST_ENTROPY, Math.log2(longest.length) - 0.6)
  )
}

function entropy(text: string): number {
  const counts = Map.groupBy(text, (character) => character)
  return [...counts.values()].reduce((sum, { length }) => {
    const share = length / text.length
    return sum - share * Math.log2(share)
  }, 0)
}
