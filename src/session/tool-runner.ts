import type { ToolCallEvent, VoiceWarning } from '../events.ts'
import type { AnsweredCall, ToolDeclaration } from '../providers/provider.ts'
import type { Tool } from './define-tool.ts'
export class ToolRunner {
  tools: readonly Tool[] = []
  constructor(_options: {
    tools: readonly Tool[]
    onresult: (result: { callId: string; name: string; output: string }) => void
    ontoolcall: (event: ToolCallEvent) => void
    onwarning: (warning: VoiceWarning) => void
  }) {}
  get declarations(): readonly ToolDeclaration[] {
    return []
  }
  get answered(): readonly AnsweredCall[] {
    return []
  }
  run(_call: { callId: string; name: string; arguments: string }): void {}
  cancel(_ids: readonly string[]): void {}
  cancelAll(): void {}
}
