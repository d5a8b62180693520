import { globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'

const ROOT = fileURLToPath(new URL('../../../', import.meta.url))
const CORPUS = join(ROOT, 'test/fuzz/corpus')
/** Where a case is written that breaks a parser, ready to be moved into the corpus. */
const FOUND = join(ROOT, '.cache/fuzz')
const SEED = Number(process.env['FUZZ_SEED'] ?? 1)
const RUNS = Number(process.env['FUZZ_RUNS'] ?? 0)
/** A property that has not come back by then hangs; those that do take a hundredth of it. */
const HUNG_MS = 3_600_000

/** What a parser is fed with, and what must hold of it. */
export interface Target<Input> {
  /** Invents inputs; a case in the corpus is one of them, written as JSON. */
  readonly inputs: fc.Arbitrary<Input>
  /** How many inputs a run of all tests invents; `FUZZ_RUNS` takes its place. */
  readonly runs: number
  /** Feeds the parser, and throws where something does not hold. */
  readonly check: (input: Input) => void | Promise<void>
}

/**
 * Tests a parser: first on every case in `corpus/<parser>/`, then on inputs that are invented from `FUZZ_SEED`. What
 * breaks it is made as small as it goes, and written down.
 */
export function fuzz<Input>(parser: string, target: Target<Input>): void {
  for (const { name, input } of corpus<Input>(parser)) {
    test(`${parser} holds for ${name}`, async () => target.check(input))
  }
  test(`${parser} holds for what is invented`, { timeout: HUNG_MS }, async () => {
    const found = await findBreak({ ...target, runs: RUNS || target.runs }, SEED)
    if (found === null) return
    const file = save(parser, found.input)
    throw new Error(`${parser} broke with FUZZ_SEED=${SEED}: see ${file}`, { cause: found.error })
  })
}

/** Feeds a parser. @returns The smallest input found that breaks it, and how; null where none does. */
export async function findBreak<Input>(
  { inputs, runs, check }: Target<Input>,
  seed: number,
): Promise<{ readonly input: Input; readonly error: unknown } | null> {
  const property = fc.asyncProperty(inputs, async (input) => check(input))
  const { counterexample, errorInstance: error } = await fc.check(property, { seed, numRuns: runs })
  return counterexample === null ? null : { input: counterexample[0], error }
}

/** A case, and its file's name. */
export interface Case<Input> {
  readonly name: string
  readonly input: Input
}

/**
 * The cases of a parser. In them `{ "repeat": "[", "times": 9 }` stands for a long text, and `{ "join": [] }` for one of
 * several parts.
 *
 * @throws {Error} Where there is none: a parser's name was mistyped.
 */
export function corpus<Input>(parser: string): readonly Case<Input>[] {
  const files = globSync('*.json', { cwd: join(CORPUS, parser) }).sort()
  if (files.length === 0) throw new Error(`Cannot fuzz ${parser} as corpus/${parser} must have cases`)
  return files.map((file) => {
    const text = readFileSync(join(CORPUS, parser, file), 'utf8')
    return { name: basename(file, '.json'), input: JSON.parse(text, expand) as Input }
  })
}

/** Inputs that one run feeds, for a comparison with programs that are not in this process. */
export function invented<Input>(inputs: fc.Arbitrary<Input>, count: number): readonly Input[] {
  return fc.sample(inputs, { seed: SEED, numRuns: RUNS || count })
}

function expand(_name: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  const { repeat, times, join: parts } = value as { repeat?: unknown; times?: unknown; join?: unknown }
  if (typeof repeat === 'string' && typeof times === 'number') return repeat.repeat(times)
  return Array.isArray(parts) && Object.keys(value).length === 1 ? parts.join('') : value
}

function save(parser: string, input: unknown): string {
  mkdirSync(FOUND, { recursive: true })
  const file = join(FOUND, `${parser}-${SEED}.json`)
  writeFileSync(file, `${JSON.stringify(input, null, 2)}\n`)
  return `.cache/fuzz/${basename(file)}`
}
