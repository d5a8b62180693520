/** Asks the relay in this container whether it is alive. Exits with 0 if it is, otherwise with 1. */
const { PORT = '8080', RELAY_PREFIX = '' } = process.env
const url = `http://127.0.0.1:${PORT}${RELAY_PREFIX}/health`

try {
  const { ok } = await fetch(url, { signal: AbortSignal.timeout(2500) })
  process.exitCode = ok ? 0 : 1
} catch {
  // Nobody listens, or answers in time.
  process.exitCode = 1
}
