/** What a test asks the page for; a classic script, so that it hears of everything that follows. */
const violations = []
const errors = []
let loudestInput = 0
let loudestOutput = 0

document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) =>
  violations.push(`${violatedDirective} ${blockedURI}`),
)

addEventListener('DOMContentLoaded', () => {
  globalThis.agent = document.querySelector('voice-agent')
  for (const each of document.querySelectorAll('voice-agent'))
    each.addEventListener('error', ({ detail: { name, code, hint } }) => errors.push({ name, code, hint }))
  const watch = () => {
    const { inputLevel = 0, outputLevel = 0 } = agent.session ?? {}
    loudestInput = Math.max(loudestInput, inputLevel)
    loudestOutput = Math.max(loudestOutput, outputLevel)
    requestAnimationFrame(watch)
  }
  watch()
})

globalThis.report = (index = 0) => {
  const { session } = document.querySelectorAll('voice-agent')[index]
  return {
    state: session?.state ?? 'closed',
    agentState: session?.agentState ?? 'idle',
    transcript: session?.transcript ?? [],
    inputLevel: session?.inputLevel ?? 0,
    loudestInput,
    loudestOutput,
    violations,
    errors,
  }
}
