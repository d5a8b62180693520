/** What the code says of each error, put into the page that explains them, so that it cannot say anything else. */
import { readFileSync } from 'node:fs'
import { VoiceError } from '../../src/errors.ts'
import { relayError } from '../../src/providers/relay-errors.ts'
import { ROOT } from './places.mjs'

/** A plugin of markdown-it: in `errors.md`, each code's facts under its heading; tables of other codes where they belong. */
export function withErrorFacts(markdown) {
  markdown.core.ruler.after('normalize', 'error-facts', (state) => {
    if (state.env.relativePath === 'errors.md') state.src = withFacts(state.src)
    if (state.env.relativePath === 'events.md') state.src = withWarnings(state.src)
  })
}

/** @returns The codes of `VoiceError` and what happened, from the table in src/errors.ts. */
function errorCodes() {
  const [comment] = readFileSync(`${ROOT}/src/errors.ts`, 'utf8').split('export type VoiceErrorCode')
  return new Map(
    [...comment.matchAll(/^ \* \| `([\w-]+)` \| (.+) \|$/gm)].map(([, code, text]) => [code, text]),
  )
}

/** @returns The codes of a relay, from the table in PROTOCOL.md; `status` and `closes` are “–” where there is none. */
function relayCodes() {
  const [, section] = readFileSync(`${ROOT}/PROTOCOL.md`, 'utf8').split(/^## 20\. Codes$/m)
  return [...section.matchAll(/^\| `(\w+)` +\| ([^|]+)\| ([^|]+)\| ([^|]+)\| ([^|]+)\|$/gm)].map(
    ([, code, status, closes, text, again]) => ({
      code,
      status: status.trim(),
      closes: closes.trim(),
      text: text.trim(),
      again: again.trim(),
    }),
  )
}

/** @returns The page with the facts in it. */
function withFacts(text) {
  const codes = errorCodes()
  return text
    .replaceAll(/^### `([\w-]+)`$/gm, (heading, code) =>
      codes.has(code) ? `${heading}\n\n${factsOf(code, codes)}` : heading,
    )
    .replace('<!-- codes of a relay -->', relayTable)
}

/** @returns The page of events with the codes of warnings, from the table in src/events.ts. */
function withWarnings(text) {
  const [comment] = readFileSync(`${ROOT}/src/events.ts`, 'utf8').split('export interface VoiceWarning')
  const rows = [...comment.matchAll(/^ \* (\| `[\w-]+` \| .+ \|)$/gm)].map(([, row]) => row)
  return text.replace('<!-- codes of warnings -->', `| code | |\n|---|---|\n${rows.join('\n')}`)
}

function factsOf(code, codes) {
  const { phase, retryable, hint } = new VoiceError(code, '')
  const again = retryable ? 'the same call may succeed later' : 'the same call will fail again'
  return `**${codes.get(code)}.** Phase \`${phase}\`; ${again}.\n\n*Hint:* ${escaped(hint)}.`
}

/** Outside code, what looks like a tag would be one. */
function escaped(text) {
  return text.replaceAll('<', '&lt;')
}

function relayTable() {
  const rows = relayCodes().map(({ code, status, closes, text, again }) => {
    const told = relayError(code, '')?.error.code
    const at = [status !== '–' && `HTTP ${status}`, closes !== '–' && `close ${closes}`]
      .filter(Boolean)
      .join('<br>')
    const becomes = told ? `[\`${told}\`](#${told})` : 'nothing'
    return `| \`${code}\` | ${at || 'a notice'} | ${text}.<br>Again: ${again}. Becomes ${becomes}. |`
  })
  return `| code | with | what happened |\n|---|---|---|\n${rows.join('\n')}`
}
