import type { StdioOptions } from 'node:child_process'

/** Runs a command of Changesets. @returns Its exit code. */
export function changesets(args: readonly string[], folder?: string, stdio?: StdioOptions): Promise<number>
