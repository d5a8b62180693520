import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse as parseToml, TomlError } from 'smol-toml'
import { parseAllDocuments } from 'yaml'
import type { Certificate } from '../../bench/relay/certificates.ts'
import { type Problem, problemIn } from './problem.ts'
import type { Snippet } from './snippet.ts'

/** What a parser has to say of a text, and at which line; null: it is well-formed. */
type Parser = (code: string, context: Context) => Fault | null

interface Fault {
  readonly message: string
  readonly line: number
}

interface Context {
  readonly folder: string
  readonly certificate: Certificate
}

/** Reads each block by the parser of its language. */
export function parseData(
  snippets: readonly Snippet[],
  context: { readonly folder: string; readonly certificate: Certificate },
): Problem[] {
  mkdirSync(context.folder, { recursive: true })
  const problems: Problem[] = []
  for (const { block, code, offset } of snippets) {
    const fault = PARSERS[block.language.toLowerCase()]!(code, context)
    if (fault) problems.push(problemIn(block, fault.message, fault.line - offset))
  }
  return problems
}

const PARSERS: Readonly<Record<string, Parser>> = {
  json: (code) => attempt(() => JSON.parse(code)),
  jsonc: (code) => attempt(() => JSON.parse(code.replace(/^\s*\/\/.*$/gm, ''))),
  yaml: parseYaml,
  yml: parseYaml,
  toml: (code) => attempt(() => parseToml(code)),
  ini: (code) =>
    firstLine(code, /^(\s*([#;].*)?|\[[^\]]+\]|\s*[\w.@/-]+(\[\])?\s*[=:].*|\s+\S.*)$/, 'is no setting'),
  nginx: testNginx,
  haproxy: testHaproxy,
  dockerfile: parseDockerfile,
  http: parseHttp,
  css: checkCss,
}

function attempt(parse: () => unknown): Fault | null {
  try {
    parse()
    return null
  } catch (error) {
    const { message } = error as Error
    const line = error instanceof TomlError ? error.line : Number(/\(line (\d+)/.exec(message)?.[1] ?? 0)
    return { message: message.split('\n')[0]!, line }
  }
}

function firstLine(code: string, pattern: RegExp, message: string): Fault | null {
  const lines = code.trimEnd().split('\n')
  const index = lines.findIndex((line) => !pattern.test(line))
  return index < 0 ? null : { message: `"${lines[index]}" ${message}`, line: index + 1 }
}

function parseYaml(code: string): Fault | null {
  const parsed = [parseAllDocuments(code, { prettyErrors: true })].flat()
  const first = parsed.flatMap(({ errors, warnings }) => [...errors, ...warnings])[0]
  return first ? { message: first.message.split('\n')[0]!, line: first.linePos?.[0].line ?? 0 } : null
}

/** Programs that are not root's alone lie where a user does not look. */
function program(
  name: string,
  args: readonly string[],
  input?: string,
): { status: number | null; printed: string } {
  const PATH = `${process.env['PATH']}:/usr/sbin:/usr/local/sbin`
  const { status, stdout, stderr, error } = spawnSync(name, args, {
    input,
    encoding: 'utf8',
    env: { ...process.env, PATH },
  })
  if (error) throw error
  return { status, printed: stdout + stderr }
}

/** Directives that can only stand in `server`. */
const IN_SERVER = /^\s*(location|proxy_\w+)\b/

/** Has nginx read a whole file, or a part of one inside what it needs. Names of other machines are this one here. */
function testNginx(code: string, { folder, certificate }: Context): Fault | null {
  const upstreams = new Set([...code.matchAll(/^\s*upstream\s+(\S+)/gm)].map(([, name = '']) => name))
  const local = code
    .replace(
      /(proxy_pass\s+https?:\/\/|server\s+)([A-Za-z][\w.-]*)(:\d+)?(?=[\s;/])/g,
      (all, before, name, port) => (upstreams.has(name) ? all : `${before}127.0.0.1${port ?? ''}`),
    )
    .replace(/\/var\/log\/nginx/g, folder)
    .replace(
      /^(\s*ssl_certificate(_key)?)\s.*$/gm,
      (_, name, key) => `${name} ${certificate[key ? 'key' : 'cert']};`,
    )
  const whole = /^\s*(http|events)\s*\{/m.test(local)
  const inServer = local.split('\n').find((line) => line.trim() !== '' && !line.trim().startsWith('#'))
  const part = IN_SERVER.test(inServer ?? '') ? `server { ${local}\n}` : local
  const given = `ssl_certificate ${certificate.cert}; ssl_certificate_key ${certificate.key};`
  const text = whole ? local : `events {} http { ${/ssl_certificate\s/.test(local) ? '' : given} ${part}\n}`
  const file = join(folder, 'nginx.conf')
  writeFileSync(file, text)
  const args = [
    '-t',
    '-q',
    '-c',
    file,
    '-p',
    folder,
    '-e',
    'stderr',
    '-g',
    `pid ${join(folder, 'nginx.pid')};`,
  ]
  const { status, printed } = program('nginx', args)
  if (status === 0) return null
  const error = /\[(?:emerg|alert|crit)\] (?:\d+#\d+: )?(.*)/.exec(printed)?.[1] ?? printed
  return { message: error.replace(` in ${file}`, ''), line: Number(/\.conf:(\d+)/.exec(error)?.[1] ?? 0) }
}

/** Has HAProxy read a whole file, or sections of one after the defaults that they need. */
function testHaproxy(code: string, { folder, certificate }: Context): Fault | null {
  const pem = join(folder, 'certificate.pem')
  writeFileSync(pem, readFileSync(certificate.cert, 'utf8') + readFileSync(certificate.key, 'utf8'))
  const local = code
    .replace(/\bcrt\s+\S+/g, `crt ${pem}`)
    .replace(/^(\s*server\s+\S+\s+)[A-Za-z][\w.-]*(:\d+)/gm, '$1127.0.0.1$2')
    .replace(/^(\s*)(chroot|user|group|stats socket)\s.*$/gm, '$1# $2')
  const defaults = 'defaults\n  mode http\n  timeout connect 5s\n  timeout client 30s\n  timeout server 30s\n'
  const before = /^defaults\b/m.test(local) ? '' : defaults
  const file = join(folder, 'haproxy.cfg')
  writeFileSync(file, before + local)
  const { status, printed } = program('haproxy', ['-c', '-f', file])
  if (status === 0) return null
  const [, row, message = printed] = /\[ALERT\].*?haproxy\.cfg:(\d+)\] ?:? ?(.*)/.exec(printed) ?? []
  return { message: message.trim(), line: row ? Number(row) - before.split('\n').length + 1 : 0 }
}

const INSTRUCTION =
  /^(ADD|ARG|CMD|COPY|ENTRYPOINT|ENV|EXPOSE|FROM|HEALTHCHECK|LABEL|ONBUILD|RUN|SHELL|STOPSIGNAL|USER|VOLUME|WORKDIR)\s+\S/i

function parseDockerfile(code: string): Fault | null {
  const lines = code.trimEnd().split('\n')
  let continued = false
  let from = false
  for (const [index, line] of lines.entries()) {
    const skipped = line.trim() === '' || line.trim().startsWith('#')
    if (!continued && !skipped) {
      if (!INSTRUCTION.test(line)) return { message: `"${line}" is no instruction`, line: index + 1 }
      if (/^FROM\s/i.test(line)) from = true
      else if (!from && !/^ARG\s/i.test(line))
        return { message: 'nothing can stand before FROM', line: index + 1 }
    }
    continued = skipped ? continued : line.endsWith('\\')
  }
  return continued ? { message: 'the last line goes on', line: lines.length } : null
}

/** A request or a response: its first line, headers, and a body that is what its type says. */
function parseHttp(code: string): Fault | null {
  const [head = '', body] = code.split(/\n\n([\s\S]*)/)
  const [start = '', ...headers] = head.trimEnd().split('\n')
  if (!/^([A-Z]+ \S+( HTTP\/[\d.]+)?|HTTP\/[\d.]+ \d{3}( .+)?)$/.test(start)) {
    return { message: `"${start}" begins neither a request nor a response`, line: 1 }
  }
  const index = headers.findIndex((header) => !/^[\w-]+: \S/.test(header))
  if (index >= 0) return { message: `"${headers[index]}" is no header`, line: index + 2 }
  if (!body?.trim() || !/^content-type: application\/json/im.test(head)) return null
  return attempt(() => JSON.parse(body))
}

function checkCss(code: string, { folder }: Context): Fault | null {
  const file = join(folder, 'block.css')
  writeFileSync(join(folder, 'biome.json'), '{ "root": true }')
  writeFileSync(file, code)
  const args = ['lint', `--config-path=${folder}`, '--reporter=github', '--vcs-enabled=false', file]
  const { status, printed } = program('biome', args)
  if (status === 0) return null
  const [, line = '0', message = printed] = /^::error .*?line=(\d+).*?::(.*)$/m.exec(printed) ?? []
  return { message, line: Number(line) }
}
