import { spawn } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { pythonEnvironment } from '../../scripts/python.mjs'
import { serverEnvironment } from './node-modules.ts'
import { type Problem, problemIn } from './problem.ts'
import { nameOf, type Snippet } from './snippet.ts'

const RUNNER = fileURLToPath(new URL('run_blocks.py', import.meta.url))

/** Names that nothing defines are found where they would be met only later, in a function. */
const UNDEFINED_NAMES = [
  'check',
  '--isolated',
  '--select',
  'F63,F7,F82',
  '--output-format',
  'json',
  '--quiet',
]

/** @returns The environment that a block of Python, or of commands for it, belongs to. */
export function environmentNameOf({ block, code }: Snippet): 'django' | 'fastapi' {
  return /django/i.test(block.document + code) ? 'django' : 'fastapi'
}

/** @returns Files of a project that blocks are, by their paths. */
export function projectFiles(snippets: readonly Snippet[]): Record<string, string> {
  const files: Record<string, string> = {}
  for (const { block, code } of snippets) if (block.as !== undefined) files[block.as] = code
  return files
}

/**
 * Runs the blocks of each environment in one process, in their order, and looks for names that nothing defines.
 *
 * @returns What is wrong; nothing of an environment that is not there.
 */
export async function runPython(folder: string, snippets: readonly Snippet[]): Promise<Problem[]> {
  const names = ['django', 'fastapi'] as const
  const problems = await Promise.all(
    names.map((name) =>
      runIn(
        name,
        join(folder, name),
        snippets.filter((snippet) => environmentNameOf(snippet) === name),
      ),
    ),
  )
  return problems.flat()
}

interface Found {
  readonly name: string
  readonly line: number
  readonly message: string
}

async function runIn(name: string, folder: string, snippets: readonly Snippet[]): Promise<Problem[]> {
  const { program, missing } = pythonEnvironment(name)
  if (missing !== undefined || snippets.length === 0) return []
  rmSync(folder, { recursive: true, force: true })
  const byName = new Map<string, Snippet>()
  const blocks = snippets.map((snippet) => {
    const { as } = snippet.block
    const path = join(folder, as ?? `${nameOf(snippet.block)}.py`)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, snippet.code)
    byName.set(path, snippet)
    const module = as?.replace(/\.py$/, '').replaceAll('/', '.') ?? ''
    return { name: path, path, module }
  })
  const settings = blocks.find(({ module }) => module.endsWith('.settings'))
  const DJANGO_SETTINGS_MODULE = settings?.module ?? ''
  const [ran, checked] = await Promise.all([
    output(program('python'), [RUNNER, folder], {
      input: JSON.stringify(blocks),
      env: { DJANGO_SETTINGS_MODULE },
    }),
    output(program('ruff'), [...UNDEFINED_NAMES, folder]),
  ])
  const errors = JSON.parse(checked) as { filename: string; message: string; location: { row: number } }[]
  const found: Found[] = JSON.parse(ran)
  for (const { filename, message, location } of errors)
    found.push({ name: filename, line: location.row, message })
  return found.map((one) => {
    const snippet = byName.get(one.name)!
    return problemIn(snippet.block, one.message, one.line - snippet.offset)
  })
}

function output(
  command: string,
  args: readonly string[],
  { input = '', env = {} }: { input?: string; env?: Record<string, string> } = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      env: { ...serverEnvironment(), ...env },
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    let printed = ''
    child.stdout.on('data', (chunk) => {
      printed += chunk
    })
    child.once('error', reject)
    child.once('close', () => (printed ? resolve(printed) : reject(new Error(`${command} printed nothing`))))
    child.stdin.end(input)
  })
}
