/** Browsers in which a microphone is allowed in different places. */
export type Browser = 'chrome' | 'firefox' | 'safari' | 'ios' | 'android' | 'other'

/** What tells browsers apart; Chromium alone has `userAgentData`, and on secure pages only. */
export interface BrowserTraits {
  readonly userAgent: string
  readonly maxTouchPoints: number
  readonly userAgentData?: { readonly mobile: boolean; readonly platform: string }
}

/** Browsers on a telephone whose settings are elsewhere than those of Safari or Chrome. */
const OTHERS = /Edgi?[OA]|OP[TR]\/|DuckDuckGo|SamsungBrowser|; wv\)/

/** @returns Which browser this is; `chrome` is every desktop browser that is built on Chromium, Edge too. */
export function browserOf({ userAgent, maxTouchPoints, userAgentData }: BrowserTraits): Browser {
  if (userAgentData && !userAgentData.mobile && userAgentData.platform !== 'Android') return 'chrome'
  const has = (pattern: RegExp): boolean => pattern.test(userAgent)
  // An iPad calls itself a Mac; no Mac has a touch screen.
  if (has(/iP(hone|ad|od)/) || (has(/Macintosh/) && maxTouchPoints > 1)) {
    return has(/Version\/.*Safari\//) && !has(OTHERS) ? 'ios' : 'other'
  }
  if (has(/Android/)) return has(/Chrome\//) && !has(OTHERS) ? 'android' : 'other'
  if (has(/Mobile/)) return 'other'
  if (has(/Firefox\//)) return 'firefox'
  if (has(/Chrome\//)) return 'chrome'
  return has(/Macintosh.*Version\/.*Safari\//) ? 'safari' : 'other'
}
