/** Where the lists lie: `<name>.cdx.json`. */
export const SBOM: string
/** Writes the lists of all packages, of what was packed last. */
export function writeSboms(): Promise<void>
