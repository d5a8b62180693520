/** The documents as a site: `npm run docs`. Nothing that a reader's browser loads comes from elsewhere. */
import { defineConfig } from 'vitepress'
import { withErrorFacts } from '../site/errors.mjs'
import { withLinksOfTheSite } from '../site/links.mjs'
import { NAV, sidebar } from './navigation.mjs'

/** As forges make anchors of headings, so that a link works there and here. */
function slugify(heading) {
  return heading
    .trim()
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{M}\p{N}\p{Pc}\- ]/gu, '')
    .replaceAll(' ', '-')
}

const { DOCS_BASE: base = '/' } = process.env

export default defineConfig({
  title: 'Voicewire',
  description: 'A voice agent on any web page: one tag, one class, one relay.',
  lang: 'en',
  base,
  outDir: '../.cache/docs',
  cacheDir: '../.cache/vitepress',
  srcExclude: ['site/**', 'public/**'],
  head: [['link', { rel: 'icon', href: `${base}favicon.svg`, type: 'image/svg+xml' }]],
  markdown: {
    anchor: { slugify },
    // How files end that are shown as they are.
    languageAlias: { example: 'ini', service: 'ini' },
    config(markdown) {
      withErrorFacts(markdown)
      withLinksOfTheSite(markdown)
    },
  },
  vite: {
    // The reference of the API is on one page for each entry of the package.
    build: { chunkSizeWarningLimit: 1500 },
  },
  vue: {
    template: { compilerOptions: { isCustomElement: (tag) => tag.startsWith('voice-') } },
  },
  themeConfig: {
    logo: '/favicon.svg',
    nav: NAV,
    sidebar: sidebar(),
    outline: [2, 3],
    search: { provider: 'local' },
    footer: { message: 'MIT licence' },
  },
})
