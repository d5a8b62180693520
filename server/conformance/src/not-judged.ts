/** Requirements, or parts of them, that no rule proves, and why. */
export const NOT_JUDGED: Readonly<Record<string, string>> = {}
