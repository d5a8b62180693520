export interface DeviceWatchOptions {
  context: BaseAudioContext
  /** Ends the watch. */
  signal: AbortSignal
  /** Devices were plugged in or out. */
  ondevices: () => void
  /** The page is seen again, or its sound goes on: where iOS may have taken the microphone away meanwhile. */
  onreturn: () => void
}

/** Tells when it is worth asking for a microphone again. */
export function watchDevices({ context, signal, ondevices, onreturn }: DeviceWatchOptions): void {
  // Missing in a page without HTTPS, which can still use a stream of its own.
  const devices = navigator.mediaDevices as MediaDevices | undefined
  devices?.addEventListener('devicechange', ondevices, { signal })
  const seen = () => document.visibilityState === 'visible' && onreturn()
  document.addEventListener('visibilitychange', seen, { signal })
  const runs = () => context.state === 'running' && onreturn()
  context.addEventListener('statechange', runs, { signal })
}
