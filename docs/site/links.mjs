/** Links as they are written in the project, which work where its files are read, made to work on the site. */
import { existsSync } from 'node:fs'
import { posix } from 'node:path'
import { fileOf, linked, pageOf, ROOT } from './places.mjs'
import { indexOf } from './sources.mjs'

/** A plugin of markdown-it: links to files of the project lead to the pages that show them. */
export function withLinksOfTheSite(markdown) {
  markdown.core.ruler.push('links-of-the-site', ({ tokens, env }) => {
    for (const token of tokens.flatMap(({ children }) => children ?? [])) {
      if (token.type === 'link_open') token.attrSet('href', onSite(token.attrGet('href'), env.relativePath))
    }
  })
}

/** @returns The link from a page of the site; one that leads out of the project, or nowhere, as it is. */
function onSite(href, page) {
  const target = linked(fileOf(page), href)
  if (!target || !existsSync(`${ROOT}/${target.file}`)) return href
  const path = posix.relative(posix.dirname(page), pageOf(indexOf(target.file)))
  return `${path.startsWith('.') ? '' : './'}${path}${target.hash && `#${target.hash}`}`
}
