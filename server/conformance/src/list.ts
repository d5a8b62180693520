import { NOT_JUDGED, PARTLY_JUDGED } from './not-judged.ts'
import { RULES } from './rules/index.ts'

/** All rules as lines, and the requirements that none proves, wholly or in part, each with the reason. */
export function list(): string {
  const widest = Math.max(...RULES.map(({ id }) => id.length))
  const rules = RULES.map(({ id, title, proves, profile = 'full', slow }) => {
    const where = `${profile}${slow === true ? ', slow' : ''}`
    return `${id.padEnd(widest)}  ${title} (${proves.join(', ')}; ${where})`
  })
  const lines = (reasons: Readonly<Record<string, string>>) =>
    Object.entries(reasons).map(([id, reason]) => `${id.padEnd(12)}  ${reason}`)
  return [
    ...rules,
    '',
    'Judged in part:',
    '',
    ...lines(PARTLY_JUDGED),
    '',
    'Not judged from outside:',
    '',
    ...lines(NOT_JUDGED),
  ].join('\n')
}
