import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cpSync, existsSync, globSync, mkdirSync, readFileSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import type { Instruction, Stage } from './dockerfile.ts'

const run = promisify(execFile)
/** A registry that does not answer must not hold up everything. */
const MOST_STEP_MS = 300_000

/** Whether a path of the context is left out: the last pattern counts that has it, or a folder that it is in. */
export function readIgnored(text: string): (path: string) => boolean {
  const patterns = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return (path) => {
    const names = path.split('/')
    const folders = names.map((_, index) => names.slice(0, index + 1).join('/'))
    const counts = patterns.findLast((pattern) => {
      // Unlike a shell's, its * has names that begin with a dot.
      const words = pattern.replace(/^!/, '').replace(/[.+^$(){}|[\]\\]/g, '\\$&')
      const expression = new RegExp(`^${words.replaceAll('*', '[^/]*')}$`)
      return folders.some((folder) => expression.test(folder))
    })
    return counts !== undefined && !counts.startsWith('!')
  }
}

/**
 * Builds stages as a container engine would, in folders: what is copied and run is what the Dockerfile says. Of the
 * base image there are the shell, tar, and this Node with npm.
 *
 * @param folder Where the stages go.
 * @param context Where the sources are, with a `.dockerignore`.
 * @returns The working directory of the last stage.
 */
export async function build(stages: readonly Stage[], folder: string, context: string): Promise<string> {
  const places = new Map<string, Promise<Place>>()
  const ignored = readIgnored(readFileSync(join(context, '.dockerignore'), 'utf8'))
  let last: Promise<Place> | null = null
  for (const [index, stage] of stages.entries()) {
    const root = join(folder, `stage-${index}`)
    const find = (name: string) => {
      const place = places.get(name)
      assert.ok(place, `${name} must be an earlier stage`)
      return place
    }
    last = buildStage(stage, { root, context, ignored, find })
    // Whoever copies from it hears of its failure.
    last.catch(() => {})
    if (stage.name !== null) places.set(stage.name, last)
  }
  return (await last!).cwd
}

/** A stage's file system, and where it works. */
interface Place {
  readonly root: string
  readonly cwd: string
}

interface Surroundings {
  readonly root: string
  readonly context: string
  readonly ignored: (path: string) => boolean
  readonly find: (stage: string) => Promise<Place>
}

async function buildStage({ instructions }: Stage, { root, ...from }: Surroundings): Promise<Place> {
  let cwd = root
  for (const instruction of instructions) {
    switch (instruction.keyword) {
      case 'WORKDIR':
        cwd = join(root, instruction.text)
        mkdirSync(cwd, { recursive: true })
        break
      case 'COPY':
        await copy(instruction, cwd, from)
        break
      case 'RUN':
        await run('sh', ['-ec', instruction.text], { cwd, env: buildEnvironment(), timeout: MOST_STEP_MS })
        break
    }
  }
  return { root, cwd }
}

/** Nothing of the project's own tools is found, but for Node; what the lock file names is in npm's cache already. */
function buildEnvironment(): NodeJS.ProcessEnv {
  const PATH = `${dirname(process.execPath)}:/usr/local/bin:/usr/bin:/bin`
  return { ...process.env, PATH, npm_config_prefer_offline: 'true', npm_config_loglevel: 'error' }
}

async function copy(
  { text, flags }: Instruction,
  cwd: string,
  { context, ignored, find }: Omit<Surroundings, 'root'>,
): Promise<void> {
  const sources = text.split(' ')
  const target = sources.pop()!
  const stage = flags['from'] === undefined ? null : await find(flags['from'])
  for (const source of sources) {
    const path = join(stage?.root ?? context, source)
    assert.ok(existsSync(path), `${source} must be there to be copied`)
    const isFolder = statSync(path).isDirectory()
    const into =
      !isFolder && /(^\.|\/)$/.test(target) ? join(cwd, target, basename(source)) : join(cwd, target)
    if (stage !== null) cpSync(path, into, { recursive: true, verbatimSymlinks: true })
    else copyFromContext({ source, into, isFolder }, context, ignored)
  }
}

function copyFromContext(
  { source, into, isFolder }: { readonly source: string; readonly into: string; readonly isFolder: boolean },
  context: string,
  ignored: (path: string) => boolean,
): void {
  const inside = isFolder
    ? globSync('**', {
        cwd: join(context, source),
        withFileTypes: true,
        exclude: ({ name }) => name === 'node_modules',
      })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name).slice(join(context, source).length + 1))
    : ['']
  const wanted = inside.filter((path) => !ignored(join(source, path)))
  assert.ok(wanted.length > 0, `${source} must not be left out by .dockerignore`)
  for (const path of wanted) cpSync(join(context, source, path), join(into, path))
}
