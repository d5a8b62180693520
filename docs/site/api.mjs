/** The reference of the API: one page for each entry of the package, read from its types and doc comments by TypeDoc. */
import { cpSync, globSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { Application, Converter } from 'typedoc'
import { apiPage, ENTRIES } from './api-entries.mjs'
import { elements } from './elements.mjs'
import { ROOT } from './places.mjs'

/** The declarations that the build leaves, with what TypeDoc passes over put where it reads it. */
const TYPES = `${ROOT}/.cache/api-types`

/** @throws {Error} If the types do not compile. */
export async function writeApi(folder) {
  writeTypes()
  const app = await Application.bootstrapWithPlugins({
    plugin: ['typedoc-plugin-markdown'],
    entryPoints: Object.values(ENTRIES).map((file) => `${TYPES}/${declarationsOf(file)}`),
    tsconfig: `${TYPES}/tsconfig.json`,
    basePath: TYPES,
    excludePrivate: true,
    excludeProtected: true,
    excludeExternals: true,
    excludeTags: ['@slot', '@csspart', '@cssproperty', '@cssstate', '@fires', '@attr', '@element'],
    disableSources: true,
    readme: 'none',
    out: folder,
    logLevel: 'Error',
    outputFileStrategy: 'modules',
    hidePageHeader: true,
    hideBreadcrumbs: true,
    hidePageTitle: true,
    useCodeBlocks: true,
    expandObjects: true,
    parametersFormat: 'table',
    interfacePropertiesFormat: 'table',
    classPropertiesFormat: 'table',
    typeAliasPropertiesFormat: 'table',
    enumMembersFormat: 'table',
    propertyMembersFormat: 'table',
    typeDeclarationFormat: 'table',
    tableColumnSettings: { hideModifiers: true, hideDefaults: true },
  })
  // Before TypeDoc makes groups of what there is.
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => arrange(project))
  const project = await app.convert()
  if (!project) throw new Error("Cannot write the API's pages as its types must compile: see the lines above")
  await app.generateOutputs(project)
  if (app.logger.hasErrors()) throw new Error("Cannot write the API's pages: see the lines above")
  rmSync(`${folder}/README.md`)
  for (const entry of Object.keys(ENTRIES)) addTitle(`${folder}/${apiPage(entry)}.md`, entry)
}

/** A `@throws` keeps its type as its first word. */
function writeTypes() {
  rmSync(TYPES, { recursive: true, force: true })
  cpSync(`${ROOT}/dist/types`, TYPES, { recursive: true })
  for (const server of ['node', 'emulator', 'conformance']) {
    cpSync(`${ROOT}/server/${server}/dist`, `${TYPES}/server/${server}`, {
      recursive: true,
      filter: (path) => !/\.(js|map|mjs|wasm)$/.test(path),
    })
  }
  for (const file of globSync('**/*.d.ts', { cwd: TYPES })) {
    const text = readFileSync(`${TYPES}/${file}`, 'utf8')
    writeFileSync(`${TYPES}/${file}`, text.replaceAll(/@throws \{(\w+)\}/g, '@throws `$1`:'))
  }
  writeFileSync(
    `${TYPES}/tsconfig.json`,
    JSON.stringify({
      extends: '../../tsconfig.build.json',
      compilerOptions: { rootDir: '.' },
      include: ['.'],
    }),
  )
}

function declarationsOf(file) {
  return file.replace(/\.ts$/, '.d.ts')
}

/** Names the modules as their pages are, and leaves out the elements, which have a reference of their own. */
function arrange(project) {
  const ofElements = new Set(elements().map(({ name }) => name))
  for (const module of project.children ?? []) {
    const [entry] = Object.entries(ENTRIES).find(([, file]) => module.name === nameOf(file)) ?? []
    module.name = apiPage(entry)
    for (const one of [...(module.children ?? [])]) {
      if (ofElements.has(one.name)) project.removeReflection(one)
    }
  }
}

/** @returns What TypeDoc calls the module in a file. */
function nameOf(file) {
  return file.replace(/(\/index)?\.ts$/, '')
}

function addTitle(path, entry) {
  const text = withPlaces(readFileSync(path, 'utf8'))
  const front = '---\noutline: [2, 3]\n---\n\n'
  writeFileSync(path, `${front}# ${entry}\n\nAll that \`${entry}\` exports.\n\n${text}`)
}

/** TypeDoc counts headings that it then leaves out: a link to the second of a name of which there is one means that. */
function withPlaces(text) {
  const headings = [...text.matchAll(/^#+ (\w+)$/gm)].map(([, name]) => name.toLowerCase())
  return text.replaceAll(/\(#(\w+)-(\d+)\)/g, (link, name, index) => {
    const count = headings.filter((heading) => heading === name).length
    return count > 0 && count <= Number(index) ? `(#${name})` : link
  })
}
