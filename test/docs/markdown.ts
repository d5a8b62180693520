/** A fenced block of code, and what the comments directly above it say. */
export interface Block {
  /** Its document, from the root. */
  readonly document: string
  /** Of the opening fence, from 1. The code begins on the next one. */
  readonly line: number
  /** As the fence names it; empty where it does not. */
  readonly language: string
  /** What follows the language in the fence. */
  readonly info: string
  readonly code: string
  /** `<!-- not run: reason -->` */
  readonly notRun: string | undefined
  /** `<!-- with: name -->`: what stands around it, by its name in preludes.md; `above` is the block before. */
  readonly with: string | undefined
  /** `<!-- as: path -->`: the file of the reader's project that it is. */
  readonly as: string | undefined
  /** `<!-- same as: path -->`: the file of this repository that it repeats, which is tested elsewhere. */
  readonly sameAs: string | undefined
  /** `<!-- fails: words -->`: what must be told of it, in the documents that prove that blocks can fail. */
  readonly fails: string | undefined
}

/** A link, or an image. */
export interface Link {
  readonly line: number
  readonly target: string
}

export interface Document {
  readonly path: string
  readonly blocks: readonly Block[]
  /** Headings as they read, in their order. */
  readonly headings: readonly Heading[]
  readonly links: readonly Link[]
}

export interface Heading {
  readonly text: string
  /** What a link to it ends in. */
  readonly anchor: string
}

const FENCE = /^([ >]*)(`{3,}|~{3,})([^`]*)$/
const NOTE = /^[ >]*<!-- (not run|with|as|same as|fails): (.+?) -->\s*$/
const LINK = /!?\[(?:[^\]]|\\\])*\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)/g
const ATTRIBUTE = /\b(?:src|href)="([^"]+)"/g
const DEFINITION = /^ {0,3}\[[^\]]+\]: *<?([^\s>]+)/

/** Reads a document. @param path Its path from the root, for what is said of it. */
export function readMarkdown(path: string, text: string): Document {
  const blocks: Block[] = []
  const links: Link[] = []
  const headings: Heading[] = []
  const lines = text.split('\n')
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index]!
    const fence = FENCE.exec(line)
    if (fence) {
      const end = closingFence(lines, index, fence[2]!)
      blocks.push(readBlock({ path, lines, start: index, end, indent: fence[1]!.length, info: fence[3]! }))
      index = end
      continue
    }
    const heading = /^#{1,6} +(.+?)(?: +#+)?$/.exec(line)
    if (heading) headings.push(readHeading(heading[1]!, headings))
    links.push(...linksIn(line).map((target) => ({ line: index + 1, target })))
  }
  return { path, blocks, links, headings }
}

function closingFence(lines: readonly string[], start: number, fence: string): number {
  const closes = (line: string) => {
    const text = line.replace(/^[ >]*/, '').trimEnd()
    return text.length >= fence.length && text === fence[0]!.repeat(text.length)
  }
  const found = lines.findIndex((line, index) => index > start && closes(line))
  return found < 0 ? lines.length : found
}

interface Fenced {
  readonly path: string
  readonly lines: readonly string[]
  readonly start: number
  readonly end: number
  readonly indent: number
  readonly info: string
}

function readBlock({ path, lines, start, end, indent, info }: Fenced): Block {
  const notes = new Map<string, string>()
  // A formatter may have put an empty line between them.
  for (let above = lines[start - 1] === '' ? start - 2 : start - 1; above >= 0; above--) {
    const note = NOTE.exec(lines[above]!)
    if (!note) break
    notes.set(note[1]!, note[2]!)
  }
  const unindented = lines.slice(start + 1, end).map((line) => {
    const blank = /^[ >]*/.exec(line)![0].length
    return line.slice(Math.min(indent, blank))
  })
  // After the language a site may say which lines to mark, or a title: `ts{2} [main.ts]`.
  const [, language = '', rest = ''] = /^\s*([\w+-]*)(.*)$/.exec(info)!
  return {
    document: path,
    line: start + 1,
    language,
    info: rest.trim(),
    code: `${unindented.join('\n')}\n`,
    notRun: notes.get('not run'),
    with: notes.get('with'),
    as: notes.get('as'),
    sameAs: notes.get('same as'),
    fails: notes.get('fails'),
  }
}

/** The text of a heading, and its anchor as the sites that show Markdown make it. */
function readHeading(source: string, before: readonly Heading[]): Heading {
  const given = /\{#([\w-]+)\}\s*$/.exec(source)?.[1]
  const text = source
    .replace(/\s*\{#[\w-]+\}\s*$/, '')
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/<[^>]+>/g, '')
    .replace(/[`*]/g, '')
  const slug = text
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replace(/\s/g, '-')
  const same = before.filter((heading) => heading.text.toLowerCase() === text.toLowerCase()).length
  return { text, anchor: given ?? (same > 0 ? `${slug}-${same}` : slug) }
}

function linksIn(line: string): string[] {
  const text = line.replace(/(`+).*?\1/g, (code) => 'x'.repeat(code.length))
  const found = [...text.matchAll(LINK), ...text.matchAll(ATTRIBUTE)].map(([, target = '']) => target)
  const definition = DEFINITION.exec(text)?.[1]
  return definition === undefined ? found : [...found, definition]
}
