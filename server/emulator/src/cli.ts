#!/usr/bin/env node
import { createEmulator } from './emulator.ts'
import { FliteVoice } from './voice.ts'

/** The port that `PORT` names. */
function portOf(text: string): number {
  const port = Number(text)
  if (/^\d+$/.test(text) && port <= 65535) return port
  throw new RangeError(`Cannot listen as PORT must be a number from 0 to 65535: current value is ${text}`)
}

/** Why it could not start, in one line. */
function explain(error: unknown, port: string): string {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'EADDRINUSE')
    return `Cannot listen as PORT must be free: current value is ${port}, which is taken`
  if (code === 'EACCES') return `Cannot listen as PORT must be open to this user: current value is ${port}`
  return message
}

async function main(): Promise<void> {
  const host = process.env['HOST'] || '127.0.0.1'
  const speech = new FliteVoice()
  const emulator = await createEmulator({ host, port: portOf(process.env['PORT'] || '8787'), speech })
  const stop = () => void emulator.close().then(() => speech.close())
  process.once('SIGINT', stop)
  process.once('SIGTERM', stop)
  await speech.warmUp()
  console.log(`voicewire-emulator listens on ${emulator.url}`)
}

main().catch((error) => {
  console.error(explain(error, process.env['PORT'] || '8787'))
  process.exitCode = 1
})
