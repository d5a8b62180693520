import { VoiceError } from '../errors.ts'
import { insecureContext } from './audio-error.ts'
import type { WorkletSource } from './worklet-source.ts'

const loads = new WeakMap<BaseAudioContext, Map<WorkletSource, Promise<void>>>()

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
export function loadWorklet(
  context: BaseAudioContext,
  source: WorkletSource,
  url?: string | URL,
): Promise<void> {
  const known = loads.get(context) ?? new Map<WorkletSource, Promise<void>>()
  loads.set(context, known)
  const load = known.get(source) ?? addWorklet(context, source, url)
  known.set(source, load)
  load.catch(() => known.delete(source))
  return load
}

async function addWorklet(
  context: BaseAudioContext,
  source: WorkletSource,
  url?: string | URL,
): Promise<void> {
  // Not everywhere there, whatever the types say.
  const worklet = context.audioWorklet as AudioWorklet | undefined
  if (!worklet && !isSecureContext) throw insecureContext('AudioWorklet')
  if (!worklet) throw new VoiceError('audio-unsupported', 'Cannot process audio as AudioWorklet is missing')
  let cause: unknown
  try {
    const script = url ?? source.url()
    if (script) return await worklet.addModule(script)
  } catch (error) {
    // A script that is not there and one that is forbidden fail alike: with an AbortError.
    cause = error
  }
  try {
    const text = url ? null : await source.text()
    if (text !== null) return await addSource(worklet, text)
  } catch (error) {
    cause = error
  }
  throw new VoiceError('worklet-blocked', `Cannot load the ${source.name} worklet`, { cause })
}

async function addSource(worklet: AudioWorklet, text: string): Promise<void> {
  const url = URL.createObjectURL(new Blob([text], { type: 'text/javascript' }))
  try {
    await worklet.addModule(url)
  } finally {
    URL.revokeObjectURL(url)
  }
}
