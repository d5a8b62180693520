/** Makes of what the analyzer knows of a class what is published of an element. */

/** What an attribute's text can mean; other members of a union are for its property alone. */
const ATTRIBUTE_TYPE = /^(string|number|boolean|-?[\d.]+|'[^']*')$/

/**
 * @param declaration The class, by the analyzer.
 * @param options.types Names of the types that the elements' modules declare.
 * @param options.unionOf Gives the members of a union.
 * @returns Its declaration with what a page can use.
 */
export function publishedElement(declaration, { types, unionOf }) {
  const { members = [], attributes = [], events = [], name } = declaration
  const hidden = new Set(members.filter((member) => !isPublic(member)).map((member) => member.name))
  const shown = members.filter(isPublic).map(own)
  const settings = attributes.filter(({ fieldName }) => !hidden.has(fieldName)).map(own)
  const ofField = new Map(settings.map((each) => [each.fieldName ?? each.name, each]))
  const reflected = new Set(shown.filter(({ reflects }) => reflects).map((field) => field.attribute))
  return texts({
    ...declaration,
    customElement: true,
    // An `@attr` of the class speaks for its property, too.
    members: shown.map((field) => ({ description: ofField.get(field.name)?.description, ...field })),
    attributes: settings.map((each) => ({
      ...withValues(each, unionOf),
      ...(reflected.has(each.name) && { reflects: true }),
    })),
    // One without a description was seen to be dispatched, and is no part of what is promised.
    events: events
      .filter(({ description }) => description)
      .map((event) => withType(own(event), types.has(`${name}EventMap`) && `${name}EventMap`)),
  })
}

/** Lit's own methods are documented by Lit; statics are for those who write an element. */
function isPublic({ name, privacy, static: isStatic }) {
  return !isStatic && (privacy ?? 'public') === 'public' && !/^#|Callback$/.test(name)
}

/** Ancestors of our own are not part of what is published: what they give is the element's own. */
function own({ inheritedFrom: _, ...rest }) {
  return rest
}

function withValues({ type, default: initial, ...rest }, unionOf) {
  const members = unionOf(type?.text ?? 'string').filter((member) => ATTRIBUTE_TYPE.test(member))
  const text = [...new Set(members)].join(' | ') || 'string'
  return { ...rest, type: { text }, ...(initial && initial !== 'null' && { default: initial }) }
}

/** An event without a type has the one that the element's map of events gives it. */
function withType(event, map) {
  return event.type?.text || !map ? event : { ...event, type: { text: `${map}['${event.name}']` } }
}

/** What is empty is left out, and descriptions lose the line breaks that are for those who read the source. */
function texts(value) {
  if (Array.isArray(value)) return value.map(texts)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, inner]) => inner !== undefined && !(Array.isArray(inner) && inner.length === 0))
      .map(([key, inner]) => [key, key === 'description' ? unwrapped(inner) : texts(inner)]),
  )
}

/** @returns The text with a paragraph a line; code, lists and tables keep their lines. */
function unwrapped(description) {
  return description
    .replace(/\{@link (\w+)\}/g, '`$1`')
    .split(/(^```[\s\S]*?^```)/m)
    .map((part) => (part.startsWith('```') ? part : part.replace(/([^\n])\n[ \t]*(?=[^\s|*-])/g, '$1 ')))
    .join('')
}
