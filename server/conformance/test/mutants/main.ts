/** The reference relay in a process of its own, with the faults in `FAULTS`; it prints its address. */
import { readSettings } from '../../src/settings.ts'
import type { Fault } from './faults.ts'
import { ReferenceRelay } from './relay.ts'

const variables = process.env as Record<string, string>
const upstreamPort = Number(new URL(variables['OPENAI_API_URL']!).port)
const faults = (variables['FAULTS'] ?? '').split(',').filter((name) => name !== '') as Fault[]
const relay = new ReferenceRelay(readSettings({ relay: 'ws://127.0.0.1:1', upstreamPort, variables }), faults)
process.once('SIGTERM', () => void relay.drain().then(() => process.exit(0)))
process.stdout.write(`ws://127.0.0.1:${await relay.listen()}\n`)
