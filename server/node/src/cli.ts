#!/usr/bin/env node
import { pino } from 'pino'
import { checkReport } from './check-report.ts'
import { HELP, readCommandLine, UsageError } from './command-line.ts'
import { readConfiguration } from './config.ts'
import { readConfigurationFile } from './config-file.ts'
import type { Configuration } from './config-schema.ts'
import { ConfigurationError } from './configuration-error.ts'
import { InitError, init } from './init/init.ts'
import { logToStdout } from './log.ts'
import { createRelay, type Relay } from './relay.ts'
import { VERSION } from './version.ts'

/** Exit codes of `sysexits`: a program that starts relays can tell a wrong environment from a failure. */
const EXIT = { usage: 64, configuration: 78, failure: 1 } as const

/** What the environment does not say, the file `.env` in the working directory may. */
function loadEnvFile(): void {
  try {
    process.loadEnvFile()
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'ENOENT') {
      throw new ConfigurationError(
        `Cannot start the relay as .env must be readable: current value is ${code}`,
      )
    }
  }
}

async function configure(
  config: string | null,
): Promise<{ configuration: Configuration; path: string | null }> {
  loadEnvFile()
  const path = config ?? (process.env['VOICEWIRE_CONFIG'] || null)
  const file = path === null ? null : await readConfigurationFile(path)
  return { configuration: readConfiguration(process.env, file), path }
}

/** @throws {ConfigurationError} Where the options are wrong: each is right by itself, or came from a file. */
function make({ logLevel, relay }: Configuration): Relay {
  try {
    return createRelay({ ...relay, logger: relay.logger ?? logToStdout(logLevel) })
  } catch (error) {
    if (!(error instanceof TypeError || error instanceof RangeError)) throw error
    throw new ConfigurationError(`Cannot start the relay: ${error.message}`)
  }
}

async function check(config: string | null): Promise<never> {
  const { configuration, path } = await configure(config)
  make({ ...configuration, relay: { ...configuration.relay, logger: pino({ level: 'silent' }) } })
  console.log(checkReport(configuration, path))
  process.exit(0) // whatever a file has begun, nothing is to run
}

async function serve(config: string | null): Promise<void> {
  const { configuration } = await configure(config)
  const { host, port, drainSeconds } = configuration
  const relay = make(configuration)
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

async function main(): Promise<void> {
  const command = readCommandLine(process.argv.slice(2))
  switch (command.name) {
    case 'help':
      return console.log(HELP)
    case 'version':
      return console.log(VERSION)
    case 'check':
      return check(command.config)
    case 'serve':
      return serve(command.config)
    case 'init':
      return init({ ...command, folder: process.cwd(), env: process.env, say: (line) => console.log(line) })
  }
}

main().catch((error: Error) => {
  const known =
    error instanceof ConfigurationError || error instanceof UsageError || error instanceof InitError
  console.error(known ? error.message : `Cannot start the relay: ${error.message}`)
  if (error instanceof ConfigurationError) process.exit(EXIT.configuration)
  process.exit(error instanceof UsageError ? EXIT.usage : EXIT.failure)
})
