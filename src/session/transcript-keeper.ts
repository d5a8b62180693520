import type { VoiceWarning } from '../events.ts'
import type { Transcript } from './transcript.ts'
import type { TranscriptStorage } from './transcript-storage.ts'

export interface TranscriptKeeperOptions {
  readonly transcript: Transcript
  readonly storage: TranscriptStorage
  readonly onwarning: (warning: VoiceWarning) => void
}

/** Keeps a conversation where the page can find it again, and never keeps it from going on. */
export class TranscriptKeeper {
  readonly #options: TranscriptKeeperOptions
  #saving: Promise<void> | null = null
  #changed = false

  constructor(options: TranscriptKeeperOptions) {
    this.#options = options
  }

  /** Goes on with what was kept, where nothing was said yet. */
  async load(): Promise<void> {
    const { transcript, storage } = this.#options
    if (transcript.turns.length > 0) return
    try {
      transcript.restore(await storage.load())
    } catch (error) {
      this.#warn(error)
    }
  }

  /** Saves what there is now, once what is being saved has been; several changes at a time are saved as one. */
  changed(): void {
    this.#changed = true
    this.#saving ??= this.#save()
  }

  async #save(): Promise<void> {
    const { transcript, storage } = this.#options
    while (this.#changed) {
      this.#changed = false
      try {
        await storage.save(transcript.turns)
      } catch (error) {
        this.#warn(error)
      }
    }
    this.#saving = null
  }

  #warn(error: unknown): void {
    this.#options.onwarning({
      code: 'storage-failed',
      message: error instanceof Error ? error.message : String(error),
      hint: 'Check the storage given as storage; the conversation goes on without',
    })
  }
}
