import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type Block, readMarkdown } from './markdown.ts'
import { type Problem, problemIn } from './problem.ts'

/** What languages have in common that stand for each other. */
export const FAMILIES = {
  ts: 'script',
  tsx: 'script',
  js: 'script',
  jsx: 'script',
  mjs: 'script',
  vue: 'component',
  svelte: 'component',
  html: 'html',
  sh: 'shell',
  bash: 'shell',
  python: 'python',
  py: 'python',
  json: 'data',
  jsonc: 'data',
  yaml: 'data',
  yml: 'data',
  toml: 'data',
  ini: 'data',
  nginx: 'data',
  haproxy: 'data',
  dockerfile: 'data',
  http: 'data',
  css: 'data',
  text: 'text',
} as const

export type Family = (typeof FAMILIES)[keyof typeof FAMILIES]

/** A block as it is run: with what stands around it. */
export interface Snippet {
  readonly block: Block
  readonly family: Family
  /** The whole code. */
  readonly code: string
  /** Lines of `code` before the block's own. */
  readonly offset: number
  /** HTML of the page on which a script runs. */
  readonly page: string
  /** Files beside it, by their paths. */
  readonly files: Readonly<Record<string, string>>
  /** What its commands must print. */
  readonly prints: readonly string[]
}

interface Prelude {
  readonly before: ReadonlyMap<Family, string>
  readonly elided: ReadonlyMap<Family, string>
  readonly files: Readonly<Record<string, string>>
}

const PRELUDES = fileURLToPath(new URL('preludes.md', import.meta.url))

/** A line of comment that leaves something out, which the reader has. */
const ELISION = /^(\s*)(?:\/\/|#) ….*$/m

/** @returns The family of a block's language, or null where nobody knows it. */
export function familyOf({ language }: Block): Family | null {
  const name = language.toLowerCase()
  return name in FAMILIES ? FAMILIES[name as keyof typeof FAMILIES] : null
}

/** Puts around each block what its comment names. @returns The snippets, and what is wrong with the comments. */
export function makeSnippets(blocks: readonly Block[]): { snippets: Snippet[]; problems: Problem[] } {
  const preludes = readPreludes()
  const snippets: Snippet[] = []
  const problems: Problem[] = []
  blocks.forEach((block) => {
    const family = familyOf(block)
    if (family === null) {
      const message = block.language
        ? `nobody knows the language ${block.language}`
        : 'the fence names no language'
      problems.push(problemIn(block, message))
      return
    }
    if (block.notRun !== undefined) return
    const prelude =
      block.with === 'above' ? preludeOf(snippets.at(-1), block) : preludes.get(block.with ?? '')
    if (block.with !== undefined && prelude === undefined) {
      problems.push(problemIn(block, `there is no prelude "${block.with}"`))
      return
    }
    snippets.push(around(block, family, prelude))
  })
  return { snippets, problems }
}

function around(block: Block, family: Family, prelude: Prelude | undefined): Snippet {
  const before = prelude?.before.get(family) ?? ''
  const elided = prelude?.elided.get(family)
  const code = elided === undefined ? block.code : block.code.replace(ELISION, (_, indent) => indent + elided)
  const page = family === 'html' ? '' : (prelude?.before.get('html') ?? '')
  const offset = before.split('\n').length - 1
  const prints = prelude?.before.get('text')?.trim().split('\n') ?? []
  return { block, family, code: before + code, offset, page, files: prelude?.files ?? {}, prints }
}

/** The block above, with all that stands around it, as what stands around the one below. */
function preludeOf(above: Snippet | undefined, below: Block): Prelude | undefined {
  if (above?.block.document !== below.document) return undefined
  const before = new Map([[above.family, above.code]])
  if (above.page) before.set('html', above.page)
  return { before, elided: new Map(), files: above.files }
}

function readPreludes(): ReadonlyMap<string, Prelude> {
  const text = readFileSync(PRELUDES, 'utf8')
  const preludes = new Map<string, Prelude>()
  for (const section of text.split(/^## /m).slice(1)) {
    const before = new Map<Family, string>()
    const elided = new Map<Family, string>()
    const files: Record<string, string> = {}
    for (const block of readMarkdown('preludes.md', section).blocks) {
      const family = familyOf(block) ?? 'text'
      // On one line, so that all others stay where they are.
      if (block.info === '…') elided.set(family, block.code.trim().replace(/\n\s*/g, ' '))
      else if (block.info) files[block.info] = block.code
      else before.set(family, block.code)
    }
    preludes.set(section.slice(0, section.indexOf('\n')).trim(), { before, elided, files })
  }
  return preludes
}

/** A name for a block's own files: `docs-elements-29`. */
export function nameOf({ document, line }: Block): string {
  return `${document.replace(/\.md$/, '').replace(/[^\w]+/g, '-')}-${line}`.toLowerCase()
}

/** @returns Whether a script is for Node: the others are for pages. */
export function isForNode({ code }: Snippet): boolean {
  return /(?:from|import) '(?:node:|voicewire-|express|fastify|ws')|\bprocess\.env\b/.test(code)
}
