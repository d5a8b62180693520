import type { AudioFormat } from './audio-format.ts'

/** What the capture worklet is told when it is made. */
export interface CaptureOptions {
  /** The rate of the chunks to deliver, in Hz. */
  readonly sampleRate: number
  readonly chunkMs: number
}

/** From the capture worklet: one chunk of 16-bit samples, transferred, and the sum of the squares of its floats. */
export interface CaptureMessage {
  readonly samples: ArrayBuffer
  /** 0 only where every sample was exactly 0. */
  readonly energy: number
  /** When the last sample came, in the context's time, in s. */
  readonly time: number
}

/** To the capture worklet. */
export type CaptureCommand =
  /** Use the buffer of a chunk, transferred, for a later one. */
  { readonly type: 'recycle'; readonly samples: ArrayBuffer } | CloseCommand

/** To either worklet: end the processor. */
export interface CloseCommand {
  readonly type: 'close'
}

/** Bounds of the delay that lets chunks come late, in ms. */
export interface JitterBounds {
  readonly minMs: number
  readonly maxMs: number
}

/** What the playback worklet is told when it is made: the format of what it will be sent, and how patient to be. */
export interface PlaybackOptions extends AudioFormat {
  readonly jitterBuffer: JitterBounds
}

/** To the playback worklet. */
export type PlaybackCommand =
  /** Play these bytes, transferred and cut anywhere, after all the others. */
  | { readonly type: 'play'; readonly itemId: string; readonly data: ArrayBuffer }
  /** No more sound follows for this item. */
  | { readonly type: 'end'; readonly itemId: string }
  /** Fade out and drop everything; `id` comes back with the answer. */
  | { readonly type: 'clear'; readonly id: number }
  | CloseCommand

/** How far one item has come. */
export interface RenderedItem {
  readonly itemId: string
  /**
   * Samples at the stream's rate rendered since its beginning: negative while others are before it, and counting
   * on for half a second after its end.
   */
  readonly rendered: number
}

/** Where playback stands. */
export interface PlaybackProgress {
  readonly items: readonly RenderedItem[]
  /** When what was rendered last will have been taken, in seconds of the context's time. */
  readonly time: number
  /** Whether sound goes on being rendered. */
  readonly running: boolean
  /** What was rendered since the progress before this one, 0…1. */
  readonly level: number
  /** Sound waiting to be rendered, in seconds. */
  readonly bufferedSeconds: number
  /** Silence rendered since the last sample of sound, in seconds. */
  readonly silentSeconds: number
  /** How long sound is held back before it is played, in ms. */
  readonly delayMs: number
  /** How often sound has run out in the middle of an item. */
  readonly underruns: number
  /** The silence that this has put into the middle of items, in ms. */
  readonly gapMs: number
}

/** From the playback worklet. */
export type PlaybackMessage =
  /** Every 20 ms of sound rendered, and when sound starts or runs out. */
  | { readonly type: 'progress'; readonly progress: PlaybackProgress }
  /** The last sample of everything was rendered, and every item had ended. */
  | { readonly type: 'drained'; readonly progress: PlaybackProgress }
  /** The fade is over and all is dropped; `progress` counts up to the end of the fade. */
  | { readonly type: 'cleared'; readonly id: number; readonly progress: PlaybackProgress }
  /** These samples were refused as ten minutes of sound are waiting. */
  | { readonly type: 'overflow'; readonly itemId: string; readonly length: number }

/** What the recorder worklet is told when it is made. */
export interface RecorderWorkletOptions {
  /** The rate of the recording, in Hz. */
  readonly sampleRate: number
}

/** From the recorder worklet, transferred: 16-bit samples, left and right in turn; null when all were sent. */
export interface RecorderMessage {
  readonly samples: ArrayBuffer | null
}
