/**
 * Makes of what the analyzer finds a manifest of the elements as they are published: it knows `define()`, leaves out
 * what a page cannot use, and says of each attribute which values it takes.
 */
/** What an attribute's text can mean; other members of a union are for its property alone. */
const ATTRIBUTE_TYPE = /^(string|number|boolean|-?[\d.]+|'[^']*')$/

/** @returns A plugin for `@custom-elements-manifest/analyzer`, which comes after its own. */
export function describeElements() {
  const aliases = new Map()
  let ts

  /** @returns The members of a union, aliases of the elements' modules resolved. */
  function unionOf(text) {
    const file = ts.createSourceFile('type.ts', `type T = ${text}`, ts.ScriptTarget.Latest)
    const { type } = file.statements[0]
    const members = ts.isUnionTypeNode(type) ? type.types : [type]
    return [...members].flatMap((member) => {
      const name = member.getText(file)
      return aliases.has(name) ? unionOf(aliases.get(name)) : name
    })
  }

  function attribute({ type, default: initial, ...rest }) {
    const members = unionOf(type?.text ?? 'string').filter((member) => ATTRIBUTE_TYPE.test(member))
    const text = [...new Set(members)].join(' | ') || 'string'
    return { ...rest, type: { text }, ...(initial && initial !== 'null' && { default: initial }) }
  }

  function element({ members = [], attributes = [], ...declaration }) {
    const fields = members.filter(isPublic).map(own)
    const reflected = new Set(fields.filter(({ reflects }) => reflects).map((field) => field.attribute))
    const settings = attributes.map(own).map((each) => ({
      ...attribute(each),
      ...(reflected.has(each.name) && { reflects: true }),
    }))
    return texts({
      ...declaration,
      customElement: true,
      ...(fields.length > 0 && { members: fields }),
      ...(settings.length > 0 && { attributes: settings }),
    })
  }

  return {
    name: 'describe-elements',

    initialize(context) {
      ts = context.ts
    },

    collectPhase({ node }) {
      if (ts.isTypeAliasDeclaration(node) && !node.typeParameters) {
        aliases.set(node.name.text, node.type.getText())
      }
    },

    analyzePhase({ node, moduleDoc }) {
      if (ts.isCallExpression(node) && node.expression.getText() === 'define') {
        const [tag, element] = node.arguments
        if (!ts.isStringLiteral(tag)) return
        moduleDoc.exports.push({
          kind: 'custom-element-definition',
          name: tag.text,
          declaration: { name: element.getText(), module: moduleDoc.path },
        })
      }
      // A `@returns` without a type would take the place of the declared one.
      if (ts.isMethodDeclaration(node) && node.type && ts.isClassDeclaration(node.parent)) {
        const owner = moduleDoc.declarations.find(({ name }) => name === node.parent.name?.text)
        const method = owner?.members?.find(({ name }) => name === node.name.getText())
        if (method?.return) method.return.type = { text: node.type.getText() }
      }
    },

    packageLinkPhase({ customElementsManifest: manifest }) {
      const classes = manifest.modules.flatMap(({ declarations }) => declarations)
      const baseOf = ({ superclass }) => {
        const own = superclass?.package ? null : classes.find(({ name }) => name === superclass?.name)
        return own ? baseOf(own) : superclass
      }
      manifest.schemaVersion = '2.1.0'
      manifest.modules = manifest.modules
        .map((module) => {
          const path = published(module.path)
          const definitions = module.exports.filter(({ kind }) => kind === 'custom-element-definition')
          const names = new Map(definitions.map(({ name, declaration }) => [declaration.name, name]))
          return {
            ...module,
            path,
            declarations: module.declarations
              .filter(({ name }) => names.has(name))
              .map((each) => ({ ...element(each), superclass: baseOf(each), tagName: names.get(each.name) })),
            exports: module.exports
              .filter(({ declaration }) => names.has(declaration?.name))
              .map((each) => ({ ...each, declaration: { ...each.declaration, module: path } })),
          }
        })
        .filter(({ declarations }) => declarations.length > 0)
        .sort((a, b) => (a.path < b.path ? -1 : 1))
    },
  }
}

/** Lit's own methods are documented by Lit; statics are for those who write an element. */
function isPublic({ name, privacy, static: isStatic }) {
  return !isStatic && (privacy ?? 'public') === 'public' && !/^#|Callback$/.test(name)
}

/** Ancestors of our own are not part of what is published: what they give is the element's own. */
function own({ inheritedFrom: _, ...rest }) {
  return rest
}

/** Comments are broken into lines for those who read the source: a description is one paragraph a paragraph. */
function texts(value) {
  if (Array.isArray(value)) return value.map(texts)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, key === 'description' ? joined(inner) : texts(inner)]),
  )
}

function joined(description) {
  return description.replace(/\{@link (\w+)\}/g, '`$1`').replace(/([^\n])\n[ \t]*(?=[^\s|*-])/g, '$1 ')
}

function published(path) {
  return `dist/${path.replace(/\.ts$/, '.js')}`
}
