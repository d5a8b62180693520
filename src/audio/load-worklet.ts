import { VoiceError } from '../errors.ts'
import { type WorkletName, workletSource, workletUrl } from './worklet-source.ts'

export type { WorkletName } from './worklet-source.ts'

const loads = new WeakMap<BaseAudioContext, Map<WorkletName, Promise<void>>>()

/**
 * Makes a worklet known to a context, once however often it is asked for; a failure may be tried again.
 *
 * A real file of the page's own origin comes first, as it is all that a Content Security Policy with `'self'`
 * lets in; where a bundler has left that file behind, the script built into the package takes its place.
 *
 * @param url Where the script lies, instead of all that.
 * @throws {VoiceError} `audio-unsupported` if the browser has no AudioWorklet, `worklet-blocked` if no script
 * could be loaded.
 */
export function loadWorklet(context: BaseAudioContext, name: WorkletName, url?: string | URL): Promise<void> {
  const known = loads.get(context) ?? new Map<WorkletName, Promise<void>>()
  loads.set(context, known)
  const load = known.get(name) ?? addWorklet(context, name, url)
  known.set(name, load)
  load.catch(() => known.delete(name))
  return load
}

async function addWorklet(context: BaseAudioContext, name: WorkletName, url?: string | URL): Promise<void> {
  // Missing in a page without HTTPS as well, whatever the types say.
  const worklet = context.audioWorklet as AudioWorklet | undefined
  if (!worklet) {
    throw new VoiceError('audio-unsupported', 'Cannot process audio as the browser has no AudioWorklet', {
      phase: 'audio',
      hint: 'Serve the page over HTTPS or from localhost, and use a browser of 2021 or later',
    })
  }
  try {
    if (url) await worklet.addModule(url)
    else await addOwn(worklet, name)
  } catch (cause) {
    throw new VoiceError('worklet-blocked', `Cannot load the ${name} worklet`, {
      phase: 'audio',
      hint: `Serve voicewire/worklets/${name}.js from the page's own origin, name it in the workletUrls option, and allow it in the Content Security Policy (worklet-src or script-src 'self')`,
      cause,
    })
  }
}

async function addOwn(worklet: AudioWorklet, name: WorkletName): Promise<void> {
  const url = workletUrl(name)
  try {
    // An own file that is not there and one that is forbidden fail alike: with an AbortError.
    if (url) return await worklet.addModule(url)
  } catch (error) {
    if (!(await addInlined(worklet, name))) throw error
    return
  }
  if (!(await addInlined(worklet, name))) throw new Error(`No script for the ${name} worklet`)
}

/** @returns Whether there was a script to load. */
async function addInlined(worklet: AudioWorklet, name: WorkletName): Promise<boolean> {
  const source = await workletSource(name)
  if (source === null) return false
  const url = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }))
  try {
    await worklet.addModule(url)
  } finally {
    URL.revokeObjectURL(url)
  }
  return true
}
