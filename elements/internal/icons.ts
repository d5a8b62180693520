import { html, type TemplateResult } from 'lit'

const CAPSULE = 'M12 3a3 3 0 0 0-3 3v5a3 3 0 0 0 6 0V6a3 3 0 0 0-3-3Z'
const STAND = 'M5.5 11a6.5 6.5 0 0 0 13 0M12 17.5V21'

function icon(path: string, fill = 'none'): TemplateResult {
  return html`<svg part="icon" viewBox="0 0 24 24" aria-hidden="true"><path d=${path} fill=${fill} /></svg>`
}

export const microphone = icon(CAPSULE + STAND)
export const microphoneOff = icon(`${CAPSULE}${STAND}M4 4l16 16`)
export const voice = icon('M4 10v4M8 6v12M12 9v6M16 5v14M20 10v4')
export const stop = icon('M7 7h10v10H7Z', 'currentColor')
export const keyboard = icon(
  'M5 6h14a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2V8a2 2 0 0 1 2-2ZM7 10h.01M11 10h.01M15 10h.01M9 14h6',
)
export const cross = icon('M6 6l12 12M18 6L6 18')
export const send = icon('M12 19V5M6 11l6-6 6 6')
export const speaker = icon('M4 9.5v5h3.5L12 19V5L7.5 9.5ZM15.5 9a4 4 0 0 1 0 6M18 6.5a8 8 0 0 1 0 11')
export const speakerOff = icon('M4 9.5v5h3.5L12 19V5L7.5 9.5ZM16 10l4 4M20 10l-4 4')
export const chevron = icon('M6 9.5l6 6 6-6')
