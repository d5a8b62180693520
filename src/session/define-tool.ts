import type { ToolDeclaration } from '../providers/provider.ts'
export interface Tool extends ToolDeclaration {
  readonly handler: (input: never) => unknown
}
