/** Whether the browser is a Firefox, for what it does otherwise than others and no property tells. */
export function isFirefox(): boolean {
  return /firefox/i.test(navigator.userAgent)
}
