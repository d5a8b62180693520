/**
 * Runs the module that is the first argument, and says when it has run, and whether it listens then. Whatever port
 * it names, it gets a free one of this machine: others run here too.
 */
import { Server } from 'node:net'
import { pathToFileURL } from 'node:url'

const servers = new Set<Server>()
const opening: Promise<unknown>[] = []
const { listen } = Server.prototype

Server.prototype.listen = function (this: Server, ...args: unknown[]): Server {
  const [first, ...rest] = args
  const options = typeof first === 'object' && first !== null ? first : {}
  const callback = rest.find((argument) => typeof argument === 'function')
  servers.add(this)
  opening.push(new Promise((resolve) => this.once('listening', resolve)))
  const free = [{ ...options, port: 0, host: '127.0.0.1' }, callback].filter(
    (argument) => argument !== undefined,
  )
  return Reflect.apply(listen, this, free) as Server
}

const [, , file = ''] = process.argv
await import(pathToFileURL(file).href)
await Promise.all(opening)
const listening = [...servers].some((server) => server.listening)
process.send?.({ listening }, () => process.disconnect())
