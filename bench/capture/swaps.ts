import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openBrowser, type Site } from '../support/browser.ts'
import { quantile, table } from '../support/report.ts'
import { openPage } from './open-page.ts'
import type { bench as PageBench } from './page.ts'

declare const bench: typeof PageBench

const CHANGES = 20
const RATE = 48_000

const METHOD = `Two fake devices of the browser play a tone of 500 Hz without end; after each of ${CHANGES} changes from one to the other the longest stretch below
−40 dB is looked for, sample by sample. "Stop, then open" is the usual way: stop the tracks, \`getUserMedia\`, connect.`

/** How long there is silence where a device takes another one's place. */
export async function describeSwaps(site: Site): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'voicewire-bench-'))
  const speechFile = join(folder, 'tone.wav')
  await writeFile(speechFile, tone())
  const browser = await openBrowser({ speechFile })
  try {
    const rows = [['change of device', 'silence: median, ms', 'longest']]
    for (const [name, how] of [
      ['`setDevice` of Voicewire', 'hot'],
      ['stop, then open', 'cold'],
    ] as const) {
      const page = await openPage(browser, site)
      const gaps = await page.evaluate(([n, way]) => bench.changeDevices(n, way), [CHANGES, how] as const)
      await page.context().close()
      rows.push([name, quantile(gaps, 0.5).toFixed(1), Math.max(...gaps).toFixed(1)])
    }
    return ['### Change of device', METHOD, table(rows)].join('\n\n')
  } finally {
    await browser.close()
    await rm(folder, { recursive: true })
  }
}

/** @returns A WAV file with a whole number of periods, so that it can be played in a loop. */
function tone(): Buffer {
  const length = RATE * 2
  const file = Buffer.alloc(44 + length * 2)
  file.write('RIFF', 0)
  file.writeUInt32LE(36 + length * 2, 4)
  file.write('WAVEfmt ', 8)
  file.writeUInt32LE(16, 16)
  file.writeUInt16LE(1, 20)
  file.writeUInt16LE(1, 22)
  file.writeUInt32LE(RATE, 24)
  file.writeUInt32LE(RATE * 2, 28)
  file.writeUInt16LE(2, 32)
  file.writeUInt16LE(16, 34)
  file.write('data', 36)
  file.writeUInt32LE(length * 2, 40)
  for (let i = 0; i < length; i++) {
    file.writeInt16LE(Math.round(12_000 * Math.sin((2 * Math.PI * 500 * i) / RATE)), 44 + i * 2)
  }
  return file
}
