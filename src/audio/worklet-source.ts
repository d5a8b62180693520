/** Where a worklet's script is to be had. */
export interface WorkletSource {
  readonly name: string
  /** Its address beside this module; null where the package has no such file. */
  url(): string | URL | null
  /** The script as text, for pages that cannot serve the file; null where it was not built in. */
  text(): Promise<string | null>
}

export const captureWorklet: WorkletSource = {
  name: 'capture',
  url: () => new URL('./worklets/capture.worklet.ts', import.meta.url),
  text: async () => null,
}

export const playbackWorklet: WorkletSource = {
  name: 'playback',
  url: () => new URL('./worklets/playback.worklet.ts', import.meta.url),
  text: async () => null,
}

export const recorderWorklet: WorkletSource = {
  name: 'recorder',
  url: () => new URL('./worklets/recorder.worklet.ts', import.meta.url),
  text: async () => null,
}
