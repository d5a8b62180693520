/** A relay in a process of its own, with the options in `RELAY_OPTIONS`; it prints its address. */
import { createRelay, type RelayOptions } from '../../src/index.ts'

const options = JSON.parse(process.env['RELAY_OPTIONS'] ?? '{}') as RelayOptions
const silent = { info: () => {}, warn: () => {} }
process.stdout.write(`${await createRelay({ ...options, logger: silent }).listen()}\n`)
