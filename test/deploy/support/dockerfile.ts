import assert from 'node:assert/strict'

/** One line of a Dockerfile, with the lines that continue it. */
export interface Instruction {
  /** Such as `COPY`. */
  readonly keyword: string
  /** What stands behind it, without the flags in front. */
  readonly text: string
  /** By name, without the two hyphens. */
  readonly flags: Readonly<Record<string, string>>
}

/** A stage: what begins with `FROM`. */
export interface Stage {
  readonly image: string
  /** null: the last one needs none. */
  readonly name: string | null
  readonly instructions: readonly Instruction[]
}

/** The stages of a Dockerfile, as far as ours are written. */
export function readDockerfile(text: string): Stage[] {
  const lines = text
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .join('\n')
    .replace(/ *\\\n */g, ' ')
  const instructions = lines.split('\n').filter(Boolean).map(readInstruction)
  const stages: { image: string; name: string | null; instructions: Instruction[] }[] = []
  for (const instruction of instructions) {
    if (instruction.keyword === 'FROM') {
      const [image = '', , name = null] = instruction.text.split(' ')
      stages.push({ image, name, instructions: [] })
    } else {
      assert.ok(stages.length > 0, `${instruction.keyword} must stand in a stage`)
      stages.at(-1)!.instructions.push(instruction)
    }
  }
  return stages
}

function readInstruction(line: string): Instruction {
  const [keyword = '', ...words] = line.split(' ')
  const flags: Record<string, string> = {}
  while (words[0]?.startsWith('--')) {
    const [name = '', value = ''] = words.shift()!.slice(2).split('=')
    flags[name] = value
  }
  return { keyword, text: words.join(' '), flags }
}

/** What a container of the image is started with. */
export interface ImageSettings {
  readonly env: Readonly<Record<string, string>>
  readonly command: readonly string[]
  readonly healthCheck: readonly string[]
  readonly user: string
}

/** What a stage sets for whoever runs it. Commands must be lists of words, as no shell passes signals on. */
export function imageSettings({ instructions }: Stage): ImageSettings {
  const last = (keyword: string) => instructions.findLast((one) => one.keyword === keyword)?.text ?? ''
  const env = instructions.filter(({ keyword }) => keyword === 'ENV').flatMap(({ text }) => text.split(' '))
  return {
    env: Object.fromEntries(env.map((pair) => /^(\w+)=(.*)$/.exec(pair)!.slice(1) as [string, string])),
    command: JSON.parse(last('CMD')),
    healthCheck: JSON.parse(last('HEALTHCHECK').replace(/^CMD /, '')),
    user: last('USER'),
  }
}
