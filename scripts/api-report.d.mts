/** The path of the committed report. */
export const REPORT: string
/** @returns The report, from what was built last. */
export function apiReport(): string
