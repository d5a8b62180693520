import { NOT_JUDGED } from './not-judged.ts'
import { RULES } from './rules/index.ts'

/** All rules, and the requirements that no rule proves with the reason. */
export function list(): string {
  const widest = Math.max(...RULES.map(({ id }) => id.length))
  const rules = RULES.map(({ id, title, proves, profile = 'full', slow }) => {
    const where = `${profile}${slow === true ? ', slow' : ''}`
    return `${id.padEnd(widest)}  ${title} (${proves.join(', ')}; ${where})`
  })
  const others = Object.entries(NOT_JUDGED).map(([id, reason]) => `${id.padEnd(16)}  ${reason}`)
  return [...rules, '', 'Not judged from outside:', '', ...others].join('\n')
}
