import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { SPEECH_FILE } from './chromium.mjs'

/** A loudspeaker that nobody hears, for a browser whose sound stands still without one, and two microphones. */
export interface SoundServer {
  /** What a program needs in its environment to use them. */
  readonly env: Readonly<Record<string, string>>
  close(): Promise<void>
}

const DEVICES = [
  'load-module module-null-sink sink_name=loudspeaker rate=48000',
  'load-module module-null-sink sink_name=speech',
  // Firefox makes a device's id of its description.
  'load-module module-remap-source source_name=first master=speech.monitor source_properties=device.description=Desk',
  'load-module module-remap-source source_name=second master=speech.monitor source_properties=device.description=Headset',
  'set-default-sink loudspeaker',
  'set-default-source first',
]

/**
 * Both microphones hear the recorded speech, over and over, as those of Chromium do.
 *
 * @returns A PulseAudio of the test's own; null where that is not installed, and a real device has to do.
 */
export async function startSoundServer(): Promise<SoundServer | null> {
  if (spawnSync('pulseaudio', ['--version']).error) return null
  const folder = mkdtempSync(join(tmpdir(), 'sound-'))
  const socket = join(folder, 'native')
  const env = { ...process.env, HOME: folder, XDG_RUNTIME_DIR: folder, PULSE_SERVER: `unix:${socket}` }
  const protocol = `load-module module-native-protocol-unix socket=${socket} auth-anonymous=1`
  const script = join(folder, 'start.pa')
  writeFileSync(script, [...DEVICES, protocol].join('\n'))
  const options = ['--daemonize=no', '--use-pid-file=no', '--exit-idle-time=-1', '--disable-shm=yes']
  const server = spawn('pulseaudio', ['-n', ...options, '-F', script], { stdio: 'ignore', env })
  const ended = once(server, 'exit')
  while (!existsSync(socket)) {
    if (server.exitCode !== null) throw new Error(`pulseaudio ended with ${server.exitCode}`)
    await delay(20)
  }
  const speaker = speak(env)
  return {
    env: { PULSE_SERVER: env.PULSE_SERVER },
    async close() {
      speaker.stop()
      server.kill()
      await ended
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Plays the recorded speech, over and over, for as long as the server is there. */
function speak(env: NodeJS.ProcessEnv): { stop(): void } {
  let stopped = false
  let player: ChildProcess
  const play = (): void => {
    player = spawn('paplay', ['--device=speech', SPEECH_FILE], { stdio: 'ignore', env })
    player.once('exit', (code) => {
      if (code === 0 && !stopped) play()
    })
  }
  play()
  return {
    stop() {
      stopped = true
      player.kill()
    },
  }
}
