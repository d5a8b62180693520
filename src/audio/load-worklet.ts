import { VoiceError } from '../errors.ts'
import { insecureContext } from './audio-error.ts'
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
 * @throws {VoiceError} `audio-unsupported` if the browser has no AudioWorklet, `insecure-context` if it hides it
 * from a page without HTTPS, `worklet-blocked` if no script could be loaded.
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
  // Not everywhere there, whatever the types say.
  const worklet = context.audioWorklet as AudioWorklet | undefined
  if (!worklet && !isSecureContext) throw insecureContext('AudioWorklet')
  if (!worklet) throw new VoiceError('audio-unsupported', 'Cannot process audio as AudioWorklet is missing')
  let cause: unknown
  try {
    const script = url ?? workletUrl(name)
    if (script) return await worklet.addModule(script)
  } catch (error) {
    // A script that is not there and one that is forbidden fail alike: with an AbortError.
    cause = error
  }
  try {
    const source = url ? null : await workletSource(name)
    if (source !== null) return await addSource(worklet, source)
  } catch (error) {
    cause = error
  }
  throw new VoiceError('worklet-blocked', `Cannot load the ${name} worklet`, { cause })
}

async function addSource(worklet: AudioWorklet, source: string): Promise<void> {
  const url = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }))
  try {
    await worklet.addModule(url)
  } finally {
    URL.revokeObjectURL(url)
  }
}
