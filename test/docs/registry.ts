import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { basename, dirname, join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** A registry of npm on this machine. */
export interface Registry {
  readonly url: string
  close(): void
}

interface Manifest {
  readonly version: string
}

/**
 * Serves as a registry what is installed in a repository: its own packages as they would be published, all others as
 * they lie in `node_modules`. So `npm install` installs what is tested, and needs no network.
 *
 * @param own The folders of the repository's own packages by their names; '' is the root.
 * @param folder Where the packed packages go.
 */
export async function startRegistry(
  root: string,
  own: Readonly<Record<string, string>>,
  folder: string,
): Promise<Registry> {
  const packed = new Map<string, Promise<string>>()
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname.slice(1))
    serve(path, response).catch((error: Error) => response.writeHead(500).end(error.message))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`

  /** The folders of a package by its versions: a workspace may have another one than the root. */
  function versionsOf(name: string): Map<string, { folder: string; about: Manifest }> {
    const places = ['', ...Object.values(own)].map((workspace) => join(workspace, 'node_modules', name))
    const folders = (name in own ? [own[name]!] : places).map((place) => join(root, place))
    const found = folders
      .filter((place) => existsSync(join(place, 'package.json')))
      .map((place) => ({
        folder: place,
        about: JSON.parse(readFileSync(join(place, 'package.json'), 'utf8')),
      }))
    return new Map(found.map((one) => [one.about.version, one]))
  }

  async function serve(path: string, response: ServerResponse): Promise<void> {
    const [, name = path, version] = /^(.+)@([^@]+)\.tgz$/.exec(path) ?? []
    const versions = versionsOf(name)
    const asked = version === undefined ? undefined : versions.get(version)
    if (versions.size === 0 || (version !== undefined && asked === undefined))
      response.writeHead(404).end('{}')
    else if (asked === undefined) describe(name, versions, response)
    else {
      const known = packed.get(path) ?? pack(name, asked.folder, path)
      packed.set(path, known)
      response.end(readFileSync(await known))
    }
  }

  function describe(
    name: string,
    found: ReadonlyMap<string, { about: Manifest }>,
    response: ServerResponse,
  ): void {
    const versions: Record<string, object> = {}
    for (const [version, { about }] of found) {
      // What is built is packed; nothing needs to be made again where it is installed.
      versions[version] = { ...about, scripts: {}, dist: { tarball: `${url}${name}@${version}.tgz` } }
    }
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ name, 'dist-tags': { latest: [...found.keys()].at(-1) }, versions }))
  }

  async function pack(name: string, source: string, path: string): Promise<string> {
    if (name in own) {
      const options = ['pack', '--ignore-scripts', '--silent', '--pack-destination', folder]
      const { stdout } = await run('npm', options, { cwd: source })
      return join(folder, stdout.trim())
    }
    const file = join(folder, path.replaceAll('/', '-'))
    await run('tar', ['-czf', file, '--exclude', 'node_modules', '-C', dirname(source), basename(source)])
    return file
  }

  const close = () => {
    server.close()
    server.closeAllConnections()
  }
  return { url, close }
}
