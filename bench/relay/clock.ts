import { env, hrtime } from 'node:process'

/** The variable that gives all processes of a run the same zero: nanoseconds of the machine's monotonic clock. */
const EPOCH = 'VOICEWIRE_BENCH_EPOCH'

env[EPOCH] ??= String(hrtime.bigint())

const epoch = BigInt(env[EPOCH])

/** Milliseconds since the run began, the same in all its processes. */
export function now(): number {
  return Number(hrtime.bigint() - epoch) / 1e6
}
