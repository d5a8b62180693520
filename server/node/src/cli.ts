#!/usr/bin/env node
import { type Configuration, ConfigurationError, readConfiguration } from './config.ts'
import { logToStdout } from './log.ts'
import { createRelay } from './relay.ts'

/** Exit codes of `sysexits`: a program that starts relays can tell a wrong environment from a failure. */
const EXIT = { configuration: 78, failure: 1 } as const

function configure(): Configuration {
  try {
    return readConfiguration(process.env)
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error
    console.error(error.message)
    process.exit(EXIT.configuration)
  }
}

async function main(): Promise<void> {
  const { host, port, drainSeconds, logLevel, relay: options } = configure()
  const relay = createRelay({ ...options, logger: logToStdout(logLevel) })
  // Before it says that it is ready: from then on it may be told to stop.
  const stop = () => {
    if (relay.draining) process.exit(0)
    relay.close({ drainSeconds }).then(
      () => process.exit(0),
      () => process.exit(EXIT.failure),
    )
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
  const address = await relay.listen({ host, port })
  console.log(`voicewire-relay listens on ${address}`)
}

main().catch((error: NodeJS.ErrnoException) => {
  console.error(`Cannot start the relay: ${error.message}`)
  process.exit(EXIT.failure)
})
