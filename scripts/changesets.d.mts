/** Runs a command of Changesets. @returns Its exit code. */
export function changesets(args: readonly string[], folder?: string): Promise<number>
