import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { type Document, readMarkdown } from './markdown.ts'
import type { Problem } from './problem.ts'

/** Where a link of the documentation's site that begins with `/` leads. */
const SITE = ['docs', 'docs/public']

/**
 * Finds links to files that are not there, and to headings that their document does not have. What lies on other
 * servers is not asked for.
 */
export function brokenLinks(root: string, documents: readonly Document[]): Problem[] {
  const known = new Map(documents.map((document) => [document.path, document]))
  const problems: Problem[] = []
  for (const { path, links } of documents) {
    for (const { line, target } of links) {
      const message = broken(root, path, target, known)
      if (message !== undefined) problems.push({ document: path, line, message })
    }
  }
  return problems
}

function broken(
  root: string,
  from: string,
  target: string,
  known: ReadonlyMap<string, Document>,
): string | undefined {
  if (/^[a-z][a-z+.-]*:/i.test(target) || target.startsWith('//')) return undefined
  const [link = '', anchor] = target.split('#')
  const file = link === '' ? from : fileOf(root, from, decodeURIComponent(link.replace(/\?.*$/, '')))
  if (file === undefined) return `the link to ${target} leads to no file`
  if (anchor === undefined || anchor === '' || !file.endsWith('.md')) return undefined
  const document = known.get(file) ?? readMarkdown(file, readFileSync(join(root, file), 'utf8'))
  if (document.headings.some((heading) => heading.anchor === decodeURIComponent(anchor))) return undefined
  return `the link to ${target} leads to no heading of ${file}`
}

/** @returns The file that a link means, from the root: a site's links may leave out `.md`, and mean a folder's index. */
function fileOf(root: string, from: string, link: string): string | undefined {
  const folders = link.startsWith('/') ? SITE : [dirname(from)]
  const paths = folders
    .map((folder) => normalize(join(folder, link)))
    .flatMap((path) =>
      from.startsWith('docs/')
        ? [path, `${path}.md`, path.replace(/\.html$/, '.md'), join(path, 'index.md')]
        : [path],
    )
  return paths.find((path) => !path.startsWith('..') && existsSync(join(root, path)))
}
