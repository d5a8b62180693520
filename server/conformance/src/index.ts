export { judge, judgeWith, type Result, type Verdict } from './judge.ts'
export { NOT_JUDGED, PARTLY_JUDGED } from './not-judged.ts'
export { environmentFor } from './print-env.ts'
export { type Report, reportOf, table } from './report.ts'
export type { Rule } from './rule.ts'
export { RULES } from './rules/index.ts'
export {
  type JudgeOptions,
  type Profile,
  readSettings,
  readVariables,
  type Settings,
  UsageError,
} from './settings.ts'
export { Trial } from './trial.ts'
export { Upstream } from './upstream.ts'
export { Violation } from './violation.ts'
