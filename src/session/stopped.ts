/** Why a conversation ended that somebody ended. */
export function stopped(): DOMException {
  return new DOMException('The session was stopped', 'AbortError')
}
