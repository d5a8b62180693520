import type { Page } from 'playwright'

/** What a page has taken from the browser and not given back, by kind. */
export interface Held {
  readonly agents: number
  readonly contexts: number
  readonly tracks: number
  readonly sockets: number
}

/** Counts from now on what a page takes from the browser: for `held`, before the page is opened. */
export async function watchHeld(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const contexts: AudioContext[] = []
    const tracks: MediaStreamTrack[] = []
    const sockets: WebSocket[] = []
    const { AudioContext, WebSocket } = globalThis
    globalThis.AudioContext = class extends AudioContext {
      constructor(options?: AudioContextOptions) {
        super(options)
        contexts.push(this)
      }
    }
    globalThis.WebSocket = class extends WebSocket {
      constructor(url: string | URL, protocols?: string | string[]) {
        super(url, protocols)
        sockets.push(this)
      }
    }
    const { mediaDevices } = navigator
    const getUserMedia = mediaDevices.getUserMedia.bind(mediaDevices)
    mediaDevices.getUserMedia = async (constraints) => {
      const stream = await getUserMedia(constraints)
      tracks.push(...stream.getTracks())
      return stream
    }
    const held = (): Held => ({
      agents: document.querySelectorAll('voice-agent').length,
      contexts: contexts.filter(({ state }) => state !== 'closed').length,
      tracks: tracks.filter(({ readyState }) => readyState !== 'ended').length,
      sockets: sockets.filter(({ readyState }) => readyState !== WebSocket.CLOSED).length,
    })
    Object.assign(globalThis, { held })
  })
}

/** @returns What the page holds now. */
export function held(page: Page): Promise<Held> {
  return page.evaluate('held()')
}

/** @returns The value that the app shows beside a name. */
export async function shown(page: Page, name: string): Promise<string> {
  const value = page
    .locator('dt', { hasText: new RegExp(`^${name}$`) })
    .locator('xpath=following-sibling::dd[1]')
  return (await value.textContent()) ?? ''
}
