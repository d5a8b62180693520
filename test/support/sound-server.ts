import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

/** A loudspeaker that nobody hears, for a browser whose sound stands still without one. */
export interface SoundServer {
  /** What a program needs in its environment to play there. */
  readonly env: Readonly<Record<string, string>>
  close(): Promise<void>
}

/** @returns A PulseAudio of the test's own; null where that is not installed, and a real device has to do. */
export async function startSoundServer(): Promise<SoundServer | null> {
  if (spawnSync('pulseaudio', ['--version']).error) return null
  const folder = mkdtempSync(join(tmpdir(), 'sound-'))
  const socket = join(folder, 'native')
  const own = { HOME: folder, XDG_RUNTIME_DIR: folder }
  const server = spawn(
    'pulseaudio',
    [
      ...['-n', '--daemonize=no', '--use-pid-file=no', '--exit-idle-time=-1', '--disable-shm=yes'],
      ...['-L', 'module-null-sink', '-L', `module-native-protocol-unix socket=${socket} auth-anonymous=1`],
    ],
    { stdio: 'ignore', env: { ...process.env, ...own } },
  )
  const ended = once(server, 'exit')
  const close = async (): Promise<void> => {
    server.kill()
    await ended
    rmSync(folder, { recursive: true, force: true })
  }
  while (!existsSync(socket)) {
    if (server.exitCode !== null) throw new Error(`pulseaudio ended with ${server.exitCode}`)
    await delay(20)
  }
  return { env: { PULSE_SERVER: `unix:${socket}` }, close }
}
