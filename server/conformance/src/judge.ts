import type { Rule } from './rule.ts'
import { RULES } from './rules/index.ts'
import { type JudgeOptions, readSettings, type Settings, UsageError } from './settings.ts'
import { Trial } from './trial.ts'
import { Upstream } from './upstream.ts'
import { NotJudged, Violation } from './violation.ts'

/** What became of one rule. `warning`: the relay does not do what it should, which it need not. */
export type Result = 'pass' | 'fail' | 'warning' | 'skipped'

/** A rule that was judged. */
export interface Verdict {
  readonly id: string
  readonly title: string
  readonly proves: readonly string[]
  readonly result: Result
  /** What the relay did, or why the rule was skipped; '' where it passed. */
  readonly seen: string
  /** How long it took, in ms. */
  readonly ms: number
}

/** How long the relay has to show how its sessions can be told apart, in ms. */
const PROBE_MS = 3000

/**
 * Judges a relay that is running.
 *
 * @param onVerdict Told of each verdict as soon as there is one.
 * @returns The verdicts in the order of the rules.
 * @throws {UsageError} Where the options are wrong.
 * @throws {Error} Where the relay cannot be reached, or the port for the provider is taken.
 */
export async function judge(
  options: JudgeOptions,
  onVerdict: (verdict: Verdict) => void = () => {},
): Promise<readonly Verdict[]> {
  const settings = readSettings(options)
  const upstream = await Upstream.start(settings.upstreamPort, settings.upstreamHost)
  try {
    return await judgeWith(settings, upstream, onVerdict)
  } finally {
    upstream.close()
  }
}

/** As `judge`, with a provider that listens already. */
export async function judgeWith(
  settings: Settings,
  upstream: Upstream,
  onVerdict: (verdict: Verdict) => void = () => {},
): Promise<readonly Verdict[]> {
  if (settings.profile === 'full' && settings.secret === null) {
    throw new UsageError('Cannot judge the full profile as --ticket-secret must be given')
  }
  const rules = chosenRules(settings)
  upstream.byOrder = !(await passesQueriesOn(settings, upstream))
  const verdicts = new Map<string, Verdict>()
  const run = async (rule: Rule) => {
    const verdict = await judgeRule(rule, new Trial(settings, upstream))
    verdicts.set(rule.id, verdict)
    onVerdict(verdict)
  }
  const together = rules.filter(({ alone = false }) => !alone).sort(longestFirst)
  await runAll(together, upstream.byOrder ? 1 : settings.concurrency, run)
  await runAll(
    rules.filter(({ alone = false }) => alone),
    1,
    run,
  )
  return rules.map(({ id }) => verdicts.get(id)!)
}

/** @throws {UsageError} Where there is no such rule, topic or requirement. */
function chosenRules({ profile, only, slow }: Settings): readonly Rule[] {
  const named = (rule: Rule, name: string) =>
    rule.id === name || rule.id.startsWith(`${name}/`) || rule.proves.includes(name)
  const unknown = only.find((name) => !RULES.some((rule) => named(rule, name)))
  if (unknown !== undefined) {
    throw new UsageError(
      `Cannot judge a rule as --only must name a rule, a topic or a requirement: current value is ${unknown}`,
    )
  }
  return RULES.filter((rule) => {
    if (profile === 'minimal' && rule.profile !== 'minimal') return false
    if (only.length > 0) return only.some((name) => named(rule, name))
    return slow || rule.slow !== true
  })
}

function longestFirst(one: Rule, other: Rule): number {
  return Number(other.long ?? false) - Number(one.long ?? false)
}

/** Whether sessions can be told apart by a parameter: a relay that drops it is judged one session after the other. */
async function passesQueriesOn(settings: Settings, upstream: Upstream): Promise<boolean> {
  const trial = new Trial(settings, upstream)
  const before = upstream.strays.length
  try {
    const call = await trial.call()
    const refused = call
      .answer(PROBE_MS)
      .then(({ status }) => (status === 101 ? new Promise(() => {}) : null))
    const strayed = new Promise((resolve) => {
      const timer = setInterval(() => upstream.strays.length > before && resolve(null), 20)
      call.socket.once('close', () => clearInterval(timer))
    })
    const outcome = await Promise.race([call.dialled(PROBE_MS).catch(() => null), refused, strayed])
    return outcome !== null || upstream.strays.length === before
  } catch (error) {
    if (error instanceof Violation && !error.message.startsWith('cannot connect')) return true // the rules will tell
    throw error
  } finally {
    trial.end()
  }
}

async function judgeRule(rule: Rule, trial: Trial): Promise<Verdict> {
  const { id, title, proves } = rule
  const startedAt = performance.now()
  const verdict = (result: Result, told = ''): Verdict => {
    const seen = withoutSecrets(told, trial.settings)
    return { id, title, proves, result, seen, ms: Math.round(performance.now() - startedAt) }
  }
  const reason = rule.skip?.(trial.settings) ?? null
  if (reason !== null) return verdict('skipped', reason)
  try {
    await rule.judge(trial)
    return verdict('pass')
  } catch (error) {
    if (error instanceof NotJudged) return verdict('skipped', error.message)
    // What came was of a shape that nobody foresaw; the error's message could quote it.
    if (!(error instanceof Violation)) return verdict('fail', `what came cannot be read (${nameOf(error)})`)
    return verdict(rule.level === 'should' ? 'warning' : 'fail', error.message)
  } finally {
    trial.end()
  }
}

/** A faulty relay may put a secret anywhere, and a report is read by many. */
function withoutSecrets(text: string, settings: Settings): string {
  const { keys, secret, metricsToken, serviceKey, token } = settings
  const secrets = [keys.openai, keys.deepgram, secret, metricsToken, serviceKey, token]
  const hidden = secrets.reduce<string>(
    (rest, each) => (each ? rest.replaceAll(each, '[secret]') : rest),
    text,
  )
  return hidden.replace(/eyJ[\w-]+\.[\w-]+\.[\w-]*/g, '[ticket]')
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : typeof error
}

async function runAll(rules: readonly Rule[], concurrency: number, run: (rule: Rule) => Promise<void>) {
  const queue = [...rules]
  const work = async () => {
    for (let rule = queue.shift(); rule !== undefined; rule = queue.shift()) await run(rule)
  }
  await Promise.all(Array.from({ length: Math.min(concurrency, queue.length) }, work))
}
