/**
 * Makes of what the analyzer finds a manifest of the elements as they are published. It knows `define()`, and leaves
 * out modules that define no element.
 */
import { publishedElement } from './published-element.mjs'

/** @returns A plugin for `@custom-elements-manifest/analyzer`, whose own come before it. */
export function describeElements() {
  const types = new Set()
  const aliases = new Map()
  let ts

  /** @returns The members of a union, with what stands for a union itself resolved. */
  function unionOf(text) {
    const file = ts.createSourceFile('type.ts', `type T = ${text}`, ts.ScriptTarget.Latest)
    const { type } = file.statements[0]
    const members = ts.isUnionTypeNode(type) ? type.types : [type]
    return [...members].flatMap((member) => {
      const name = member.getText(file)
      return aliases.has(name) ? unionOf(aliases.get(name)) : name
    })
  }

  /** A `@returns` without a type has taken the place of the declared one. */
  function returnDeclared(owner, method) {
    const described = owner.members?.find(({ name }) => name === method.name.getText())
    if (described?.return) described.return.type = { text: method.type.getText() }
  }

  /** What Lit keeps as `state` is for the element alone, and no attribute. */
  function leaveOutState(owner, properties) {
    const declared = properties.initializer?.properties ?? []
    const state = new Set(
      declared.filter((each) => /\bstate: true\b/.test(each.getText())).map((each) => each.name.getText()),
    )
    owner.members = owner.members?.filter(({ name }) => !state.has(name))
    owner.attributes = owner.attributes?.filter(({ fieldName }) => !state.has(fieldName))
  }

  return {
    name: 'describe-elements',

    initialize(context) {
      ts = context.ts
    },

    collectPhase({ node }) {
      if (!ts.isTypeAliasDeclaration(node) && !ts.isInterfaceDeclaration(node)) return
      types.add(node.name.text)
      if (node.type && !node.typeParameters) aliases.set(node.name.text, node.type.getText())
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
      if (!ts.isClassDeclaration(node)) return
      const owner = moduleDoc.declarations.find(({ name }) => name === node.name?.text)
      for (const member of owner ? node.members : []) {
        if (ts.isMethodDeclaration(member) && member.type) returnDeclared(owner, member)
        if (ts.isPropertyDeclaration(member) && member.name.getText() === 'properties') {
          leaveOutState(owner, member)
        }
      }
    },

    packageLinkPhase({ customElementsManifest: manifest }) {
      const classes = manifest.modules.flatMap(({ declarations }) => declarations)
      const baseOf = ({ superclass }) => {
        const base = superclass?.package ? null : classes.find(({ name }) => name === superclass?.name)
        return base ? baseOf(base) : superclass
      }
      manifest.schemaVersion = '2.1.0'
      manifest.modules = manifest.modules
        .map((module) =>
          publishedModule(module, (declaration) => ({
            ...publishedElement(declaration, { types, unionOf }),
            superclass: baseOf(declaration),
          })),
        )
        .filter(({ declarations }) => declarations.length > 0)
        .sort((a, b) => (a.path < b.path ? -1 : 1))
    },
  }
}

/** @returns A module with its elements alone, under the path that it has in the package. */
function publishedModule({ kind, path: source, declarations, exports }, publish) {
  const path = `dist/${source.replace(/\.ts$/, '.js')}`
  const definitions = exports.filter((each) => each.kind === 'custom-element-definition')
  const tags = new Map(definitions.map(({ name, declaration }) => [declaration.name, name]))
  return {
    kind,
    path,
    declarations: declarations
      .filter(({ name }) => tags.has(name))
      .map((declaration) => ({ ...publish(declaration), tagName: tags.get(declaration.name) })),
    exports: exports
      .filter(({ declaration }) => tags.has(declaration?.name))
      .map((each) => ({ ...each, declaration: { ...each.declaration, module: path } })),
  }
}
