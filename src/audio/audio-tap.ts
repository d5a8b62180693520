/** The nodes that a tap may listen to; they live as long as the context. */
export interface TappedNodes {
  readonly context: AudioContext
  /** The user's voice, whatever device it comes from; null without a microphone. */
  readonly input: AudioNode | null
  /** The agent's voice, after volume and ducking; null for speech to text alone. */
  readonly output: AudioNode | null
}

/** Something that listens to a session's sound, such as a recorder or a visualizer. */
export interface AudioTap {
  /** Called when there is sound; a failure is told as a warning and does not end the session. */
  connect(nodes: TappedNodes): void | Promise<void>
  /** Called when the session ends, before the context is closed, which waits for the promise; may be called twice. */
  disconnect(): void | Promise<void>
}
