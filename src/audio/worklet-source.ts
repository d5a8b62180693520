export type WorkletName = 'capture' | 'playback'

/** @returns Where a worklet's script lies beside this module; null where the package has no such file. */
export function workletUrl(name: WorkletName): string | URL | null {
  return name === 'capture'
    ? new URL('./worklets/capture.worklet.ts', import.meta.url)
    : new URL('./worklets/playback.worklet.ts', import.meta.url)
}

/** @returns A worklet's script as text, for pages that cannot serve the file; null where it was not built in. */
export function workletSource(_name: WorkletName): Promise<string | null> {
  return Promise.resolve(null)
}
