#!/usr/bin/env node
import { writeFileSync } from 'node:fs'
import { type Command, HELP, readCommandLine } from './command-line.ts'
import { judge } from './judge.ts'
import { list } from './list.ts'
import { environmentFor } from './print-env.ts'
import { reportOf, table } from './report.ts'
import { UsageError } from './settings.ts'
import { VERSION } from './version.ts'

/** Exit codes: a pipeline can tell a relay that failed from a suite that could not run. */
const EXIT = { passed: 0, failed: 1, notRun: 2 } as const

async function run(command: Command & { name: 'judge' }): Promise<number> {
  const { options, json } = command
  const verdicts = await judge(options)
  const report = reportOf(verdicts, options.profile ?? 'full')
  if (json !== null) writeFileSync(json, `${JSON.stringify(report, null, 2)}\n`)
  console.log(table(report))
  return report.failed > 0 ? EXIT.failed : EXIT.passed
}

async function main(): Promise<number> {
  const command = readCommandLine(process.argv.slice(2), process.env)
  switch (command.name) {
    case 'help':
      console.log(HELP)
      return EXIT.passed
    case 'version':
      console.log(VERSION)
      return EXIT.passed
    case 'list':
      console.log(list())
      return EXIT.passed
    case 'print-env': {
      const variables = environmentFor(command.profile, command)
      for (const [name, value] of Object.entries(variables)) console.log(`${name}=${value}`)
      return EXIT.passed
    }
    case 'judge':
      return run(command)
  }
}

main().then(
  (code) => process.exit(code),
  (error: Error) => {
    console.error(error instanceof UsageError ? error.message : `Cannot judge the relay: ${error.message}`)
    process.exit(EXIT.notRun)
  },
)
