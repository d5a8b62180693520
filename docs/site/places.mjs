/** Where a file of the project is on the site, and the other way round. */
import { posix, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The project's folder, without a slash at its end. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url))
  .replaceAll(sep, '/')
  .replace(/\/$/, '')
export const DOCS = `${ROOT}/docs`

/** VitePress passes over folders and files that begin with a dot: on the site they begin with this. */
const DOT = 'dot.'

/**
 * @param page A page as VitePress names it, such as `source/server/node/README.md`.
 * @returns The file that it shows, from the project's folder: `server/node/README.md`.
 */
export function fileOf(page) {
  if (!page.startsWith('source/')) return `docs/${page}`
  const file = page.slice('source/'.length).replace(/\.page\.md$/, '')
  return file.replaceAll(`/${DOT}`, '/.')
}

/**
 * @param file From the project's folder.
 * @returns The page that shows it, as VitePress names it: a document as it is, any other file on a page of its own.
 */
export function pageOf(file) {
  // Its reference is easier to read.
  if (file === 'custom-elements.json') return 'reference/elements/index.md'
  if (file.startsWith('docs/') && file.endsWith('.md')) return file.slice('docs/'.length)
  return `source/${file}${file.endsWith('.md') ? '' : '.page.md'}`.replaceAll('/.', `/${DOT}`)
}

/**
 * @param from A file from the project's folder.
 * @param href As it is written there.
 * @returns The file that a link within the project means, from its folder, and what follows `#`; null for any other.
 */
export function linked(from, href) {
  if (/^([a-z][a-z+.-]*:|\/|#)/i.test(href) || href === '') return null
  const [path, hash = ''] = decodeURI(href).split('#')
  const file = posix.join(posix.dirname(from), path).replace(/\/$/, '')
  return file.startsWith('..') ? null : { file, hash }
}
