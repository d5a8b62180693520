/** Pages of what documents link to elsewhere in the project: other documents as they are, other files as code. */
import { existsSync, globSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, extname, posix } from 'node:path'
import { DOCS, linked, pageOf, ROOT } from './places.mjs'

/** What a fence calls the language of a file. */
const LANGUAGES = { '.mjs': 'js', '.cjs': 'js', '.cfg': 'text', '.conf': 'nginx', '': 'text' }

const LINK = /\]\(([^)\s]+)(?:\s+"[^"]*")?\)/g

/** Writes a page for each file that a document links to, and for those that these link to. */
export function writeSources() {
  const done = new Set()
  const waiting = globSync('**/*.md', {
    cwd: DOCS,
    exclude: ['node_modules/**', 'source/**', 'reference/**'],
  }).map((page) => `docs/${page}`)
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (done.has(file)) continue
    done.add(file)
    const own = pageOf(file)
    if (own.startsWith('source/')) write(own, file)
    if (file.endsWith('.md')) waiting.push(...linkedFrom(file))
  }
}

/** @returns The files that a document links to and that exist, but pictures; VitePress finds the links that lead nowhere. */
function linkedFrom(file) {
  const text = readFileSync(`${ROOT}/${file}`, 'utf8').replaceAll(/```[\s\S]*?```|`[^`\n]*`/g, '')
  return [...text.matchAll(LINK)].flatMap(([, href]) => {
    const target = linked(file, href)?.file
    if (target === undefined || !existsSync(`${ROOT}/${target}`)) return []
    return isPicture(target) ? [] : [indexOf(target)]
  })
}

function isPicture(file) {
  return /\.(png|svg|jpe?g)$/.test(file)
}

/** @returns The file itself; of a folder its README, or the folder, where it has none. */
export function indexOf(file) {
  const readme = `${file}/README.md`
  return existsSync(`${ROOT}/${readme}`) ? readme : file
}

function write(page, file) {
  const path = `${DOCS}/${page}`
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, file.endsWith('.md') ? withPictures(file, page) : asCode(file))
}

/** Pictures stay where they are, which is elsewhere from the page. */
function withPictures(file, page) {
  const text = readFileSync(`${ROOT}/${file}`, 'utf8')
  return text.replaceAll(/(!\[[^\]]*\]\(|<img [^>]*?src=")([^)"\s]+)/g, (whole, before, href) => {
    const target = linked(file, href)?.file
    return target === undefined ? whole : before + posix.relative(posix.dirname(`docs/${page}`), target)
  })
}

/** What is in a folder, without what is not the project's own. */
function listOf(folder) {
  const names = readdirSync(`${ROOT}/${folder}`).filter(
    (name) => !/^(node_modules|dist|\.cache|__pycache__)$/.test(name),
  )
  return names.map((name) => `- \`${name}\``).join('\n')
}

function asCode(file) {
  const title = `# \`${file}\`\n\n`
  if (statSync(`${ROOT}/${file}`).isDirectory()) return `${title}${listOf(file)}\n`
  const text = readFileSync(`${ROOT}/${file}`, 'utf8').trimEnd()
  const kind = extname(file)
  const outline = '---\noutline: false\n---\n\n'
  return `${outline}${title}\`\`\`\`${LANGUAGES[kind] ?? kind.slice(1)}\n${text}\n\`\`\`\`\n`
}
