/** Tells editors of the elements: completion and hovers in HTML and CSS. */
import { elementsOf } from './elements.mjs'

/** @returns Custom data of Visual Studio Code for HTML, to be named in its setting `html.customData`. */
export function htmlCustomData(manifest) {
  const tags = elementsOf(manifest).map(({ tagName, description, attributes = [] }) => ({
    name: tagName,
    description: markdown(description),
    attributes: attributes.map(({ name, description, type }) => ({
      name,
      description: markdown(description),
      ...(type.text === 'boolean' && { valueSet: 'v' }),
      ...(valuesOf(type).length > 0 && { values: valuesOf(type).map((value) => ({ name: value })) }),
    })),
  }))
  return { version: 1.1, tags }
}

/** @returns Custom data of Visual Studio Code for CSS, to be named in its setting `css.customData`. */
export function cssCustomData(manifest) {
  const all = (kind, nameOf) => {
    const found = new Map()
    for (const element of elementsOf(manifest)) {
      for (const { name, description } of element[kind] ?? []) {
        const texts = found.get(nameOf(name)) ?? []
        found.set(nameOf(name), [...texts, `\`<${element.tagName}>\`: ${description}`])
      }
    }
    return [...found].map(([name, texts]) => ({ name, description: markdown(texts.join('\n\n')) }))
  }
  return {
    version: 1.1,
    properties: all('cssProperties', (name) => name),
    pseudoClasses: all('cssStates', (name) => `:state(${name})`),
    pseudoElements: all('cssParts', (name) => `::part(${name})`),
  }
}

/** @returns Web types, which the editors of JetBrains find by the field `web-types` of package.json. */
export function webTypes(manifest, { name, version }) {
  const elements = elementsOf(manifest).map((element) => {
    const { tagName, description, attributes = [], members = [], events = [], slots = [] } = element
    const { cssProperties = [], cssParts = [] } = element
    return {
      name: tagName,
      description,
      attributes: attributes.map(({ name, description, type, default: initial }) => ({
        name,
        description,
        ...(initial && { default: initial }),
        value: { type: type.text },
      })),
      slots: slots.map(named),
      js: {
        properties: members.filter(({ kind }) => kind === 'field').map(typed),
        events: events.map(typed),
      },
      css: { properties: cssProperties.map(named), parts: cssParts.map(named) },
    }
  })
  return {
    $schema: 'https://raw.githubusercontent.com/JetBrains/web-types/master/schema/web-types.json',
    name,
    version,
    'js-types-syntax': 'typescript',
    'description-markup': 'markdown',
    contributions: { html: { elements } },
  }
}

/** @returns The values of a union of strings, none where any string will do. */
function valuesOf({ text }) {
  const members = text.split(' | ')
  return members.every((member) => member.startsWith("'")) ? members.map((member) => member.slice(1, -1)) : []
}

function markdown(value) {
  return { kind: 'markdown', value }
}

function named({ name, description }) {
  return { name, description }
}

function typed({ name, description, type, default: initial }) {
  return { name, description, ...(type && { type: type.text }), ...(initial && { default: initial }) }
}
