/** Runs all parts of the bench, or those named as arguments, and writes their tables into README.md. */
import { publish } from './support/report.ts'

/** What a part measured: Markdown for its section of README.md. */
export interface Part {
  run(): Promise<string>
}

const PARTS: Readonly<Record<string, () => Promise<Part>>> = {
  resampler: () => import('./resampler/index.ts'),
  encoding: () => import('./encoding/encoding.ts'),
  capture: () => import('./capture/capture.ts'),
  playback: () => import('./playback/playback.ts'),
  'barge-in': () => import('./playback/barge-in.ts'),
  detector: () => import('./detector/detector.ts'),
  loading: () => import('./elements/loading.ts'),
  relay: () => import('./relay/relay.ts'),
  soak: () => import('./soak/soak.ts'),
}

const asked = process.argv.slice(2)
const unknown = asked.find((name) => !(name in PARTS))
if (unknown) {
  console.error(`voicewire: there is no part "${unknown}": choose from ${Object.keys(PARTS).join(', ')}`)
  process.exit(1)
}

for (const [name, load] of Object.entries(PARTS)) {
  if (asked.length > 0 && !asked.includes(name)) continue
  console.log(`\n── ${name} ──\n`)
  const part = await load()
  const section = await part.run()
  console.log(section)
  publish(name, section)
}
