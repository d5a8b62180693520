import type { Socket } from 'node:net'

/** Fills the relay until it stops reading; gives back how much it took. */
export async function fill(socket: Socket, bytes: Buffer, most: number): Promise<number> {
  let sent = 0
  while (sent < most && !socket.destroyed) {
    sent += bytes.length
    if (socket.write(bytes)) continue
    const drained = new Promise((resolve) => socket.once('drain', () => resolve(true)))
    const stuck = new Promise((resolve) => setTimeout(() => resolve(false), 500))
    if (!(await Promise.race([drained, stuck]))) break
  }
  return sent
}
