/** What is published to npm, by name, and the folder of each. */
export const PACKAGES: Readonly<Record<string, string>>
/** The project that they are installed into, which else has only the tools that build pages. */
export const PROJECT: string
/** @returns The path of a package as it would be published. */
export function tarballOf(name: string): string
