import { spawn } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Problem, problemIn } from './problem.ts'
import { nameOf, type Snippet } from './snippet.ts'

const SHARED = {
  target: 'ES2023',
  module: 'ESNext',
  moduleResolution: 'Bundler',
  moduleDetection: 'force',
  lib: ['ES2024', 'DOM', 'DOM.Iterable', 'DOM.AsyncIterable', 'ESNext.Disposable'],
  types: ['node'],
  jsx: 'react-jsx',
  noEmit: true,
  skipLibCheck: true,
}

/**
 * Both see what the elements add to the types of a page. JavaScript cannot write down what `strict` asks for: the
 * types of parameters, and that something is not null.
 */
const PROJECTS = {
  ts: { ...SHARED, strict: true },
  js: { ...SHARED, allowJs: true, checkJs: true, strict: false },
}

/** @returns The script of a component, on the lines where it stands. */
function scriptOf(component: string): string {
  const found = /<script[^>]*>\n?([\s\S]*?)<\/script>/.exec(component)
  if (!found) return ''
  const before = component.slice(0, found.index).split('\n').length
  return '\n'.repeat(before) + found[1]
}

/** Checks scripts and the scripts of components against the built packages, by the names that users import. */
export async function checkTypes(folder: string, snippets: readonly Snippet[]): Promise<Problem[]> {
  const problems = await Promise.all([
    checkProject(
      join(folder, 'ts'),
      PROJECTS.ts,
      snippets.filter(({ block }) => /^(tsx?|vue|svelte)$/.test(block.language)),
    ),
    checkProject(
      join(folder, 'js'),
      PROJECTS.js,
      snippets.filter(({ block }) => /^(jsx?|mjs)$/.test(block.language)),
    ),
  ])
  return problems.flat()
}

async function checkProject(
  folder: string,
  compilerOptions: object,
  snippets: readonly Snippet[],
): Promise<Problem[]> {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const files = new Map<string, Snippet>()
  for (const snippet of snippets) {
    const { language } = snippet.block
    const component = snippet.family === 'component'
    const file = `${nameOf(snippet.block)}.${component ? 'ts' : language}`
    writeFileSync(join(folder, file), component ? scriptOf(snippet.code) : snippet.code)
    files.set(file, snippet)
  }
  writeFileSync(join(folder, 'page.d.ts'), "import 'voicewire/elements'\nimport 'svelte'\n")
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['.'] }))
  const output = await tsc(folder)
  const problems: Problem[] = []
  let told = 0
  for (const line of output.split('\n')) {
    const found = /^(?:.*\/)?([\w.-]+)\((\d+),\d+\): error (.*)$/.exec(line)
    if (!found) continue
    told++
    const [, file = '', row, message = ''] = found
    // What comes from elsewhere has no type, which JavaScript cannot give it.
    if (file.endsWith('js') && message.endsWith("does not exist on type 'unknown'.")) continue
    const snippet = files.get(file)
    if (!snippet) throw new Error(`tsc: ${line}`)
    problems.push(problemIn(snippet.block, message, Number(row) - snippet.offset))
  }
  if (told === 0 && output.trim() !== '') throw new Error(`tsc: ${output}`)
  return problems
}

function tsc(folder: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn('tsc', ['-p', folder, '--pretty', 'false'], { cwd: folder })
    let output = ''
    child.stdout.on('data', (chunk) => {
      output += chunk
    })
    child.once('error', reject)
    child.once('close', () => resolve(output))
  })
}
