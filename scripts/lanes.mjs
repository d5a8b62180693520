/** Runs parts of the tests beside one another, and shows what each said when it is over. */
import { spawn } from 'node:child_process'
import { mkdirSync, openSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { environment, ROOT } from './environment.mjs'

const FOLDER = join(ROOT, '.cache', 'parts')

/**
 * @param {readonly (readonly string[])[]} lanes The parts of a lane follow one another.
 * @param {(name: string) => unknown} ready What a part waits for before it begins.
 * @param {readonly string[]} last Parts that run when all lanes are over, with the machine for themselves.
 * @returns What each part came to, in the order in which they were over.
 */
export async function runLanes(lanes, ready, last) {
  rmSync(FOLDER, { recursive: true, force: true })
  mkdirSync(FOLDER, { recursive: true })
  const results = []
  const runLane = async (parts) => {
    for (const name of parts) {
      await ready(name)
      results.push(await runPart(name))
    }
  }
  await Promise.all(lanes.map(runLane))
  await runLane(last)
  return results
}

async function runPart(name) {
  const output = join(FOLDER, `${name}.log`)
  const report = join(FOLDER, `${name}.json`)
  const file = openSync(output, 'w')
  const code = await new Promise((resolve) => {
    const child = spawn('node', ['scripts/run-tests.mjs', name], {
      cwd: ROOT,
      stdio: ['ignore', file, file],
      env: environment({ VOICEWIRE_PART_REPORT: report }),
    })
    child.on('error', () => resolve(127))
    child.on('exit', (exitCode, signal) => resolve(signal ? 128 : exitCode))
  })
  process.stdout.write(readFileSync(output, 'utf8'))
  try {
    return { name, code, ...JSON.parse(readFileSync(report, 'utf8')) }
  } catch {
    // It ended before it had a total: its output says why.
    return { name, code: code || 1, passed: 0, failed: 1 }
  }
}
