import type { Block } from './markdown.ts'

/** What is wrong in a document, and where. */
export interface Problem {
  readonly document: string
  readonly line: number
  readonly message: string
}

/** @param line Of the block's code, from 1; default: the fence. */
export function problemIn(block: Block, message: string, line = 0): Problem {
  const last = block.code.split('\n').length
  return { document: block.document, line: block.line + Math.max(0, Math.min(line, last)), message }
}

/** `path:line: message`, as editors and terminals make links of it. */
export function show({ document, line, message }: Problem): string {
  return `${document}:${line}: ${message}`
}
