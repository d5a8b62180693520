import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cpSync, existsSync, globSync, readdirSync } from 'node:fs'
import { basename, join, relative } from 'node:path'
import { test } from 'node:test'
import { parseEnv, promisify } from 'node:util'
import { schema } from '../../server/node/src/config-schema.ts'
import { envFile } from '../../server/node/src/init/env-file.ts'
import { RelayMetrics } from '../../server/node/src/metrics/registry.ts'
import { MemoryState } from '../../server/node/src/state/memory-state.ts'
import { VARIABLES } from '../../server/node/src/variables.ts'
import { temporaryFolder } from '../../server/node/test/support/commands.ts'
import { imageSettings, readDockerfile } from './support/dockerfile.ts'
import {
  checker,
  KIT,
  PATH,
  parseDocuments,
  ROOT,
  read,
  readServices,
  readYaml,
  secondsOf,
  without,
  withoutCheckers,
} from './support/kit.ts'

const execute = promisify(execFile)
/** What a relay needs beside DRAIN_SECONDS to close the rest and end. */
const CLOSING_SECONDS = 5

/** Runs a program that judges files of the kit; what it finds is the failure's message. */
async function judge(program: string, args: readonly string[]): Promise<string> {
  const env = { ...process.env, PATH }
  const { stdout, stderr } = await execute(program, args, { cwd: ROOT, env }).catch((error) => {
    throw new Error(`${basename(program)}: ${error.stdout || ''}${error.stderr || error.message}`)
  })
  return stdout + stderr
}

test('deploy/Dockerfile: hadolint finds nothing', { skip: withoutCheckers }, async () => {
  await judge(checker('hadolint'), ['deploy/Dockerfile'])
})

test('deploy/Dockerfile: each stage has the same pinned Node, and the relay is nobody special', () => {
  const stages = readDockerfile(read('deploy/Dockerfile'))
  assert.deepEqual(new Set(stages.map(({ image }) => image)).size, 1)
  assert.match(stages[0]!.image, /^node:\d+\.\d+\.\d+-\w+-slim$/)
  const { env, user, command, healthCheck } = imageSettings(stages.at(-1)!)
  assert.match(user, /^[1-9]\d*:[1-9]\d*$/)
  for (const [first] of [command, healthCheck]) assert.equal(first, 'node') // no shell, which keeps signals
  const documented = /NODE_OPTIONS=(--max-semi-space-size=\d+)/.exec(read('server/node/README.md'))?.[1]
  assert.equal(env['NODE_OPTIONS'], documented)
  assert.equal(env['NODE_ENV'], 'production')
})

test('deploy: yamllint finds nothing', { skip: withoutCheckers }, async () => {
  const rules =
    'line-length: {max: 120}, document-start: disable, comments-indentation: disable, braces: {max-spaces-inside: 1}'
  await judge(checker('yamllint'), [
    '--strict',
    '--config-data',
    `{extends: default, rules: {${rules}}}`,
    'deploy',
  ])
})

test('deploy/compose.yaml: is what the specification of Compose allows', {
  skip: withoutCheckers,
}, async () => {
  await judge(checker('check-jsonschema'), ['--builtin-schema', 'vendor.compose-spec', 'deploy/compose.yaml'])
})

test('deploy/compose.yaml: files that it mounts are there, containers write nowhere, and nothing is public', () => {
  const services = readServices()
  assert.deepEqual(Object.keys(services), ['relay-1', 'relay-2', 'haproxy', 'redis', 'prometheus', 'grafana'])
  const compose = readYaml('compose.yaml')
  for (const [name, service] of Object.entries(compose.services as Record<string, Record<string, unknown>>)) {
    assert.equal(service['read_only'], true, name)
    assert.deepEqual(service['cap_drop'], ['ALL'], name)
    assert.deepEqual(service['security_opt'], ['no-new-privileges:true'], name)
    if (name !== 'haproxy') {
      for (const port of (service['ports'] ?? []) as string[]) assert.match(port, /^127\.0\.0\.1:/, name)
    }
    for (const volume of (service['volumes'] ?? []) as string[]) {
      const [source = ''] = volume.split(':')
      if (source === './certs') continue // the operator's
      if (!source.startsWith('.')) assert.ok(source in compose.volumes, volume)
      else assert.ok(existsSync(join(KIT, source)) && volume.endsWith(':ro'), volume)
    }
  }
  const { context, dockerfile } = compose.services['relay-1'].build
  assert.equal(join(KIT, context, dockerfile), join(KIT, 'Dockerfile'))
})

test('deploy/compose.yaml: asks its environment for nothing that .env.example does not name', () => {
  const asked = [...read('deploy/compose.yaml').matchAll(/(?<!\$)\$\{?([A-Z_]+)/g)].map(([, name]) => name!)
  assert.deepEqual([...new Set(asked)].sort(), Object.keys(parseEnv(read('deploy/.env.example'))).sort())
})

test('Examples of environments hold no value that is a secret', () => {
  for (const file of ['.env.example', 'relay.env.example']) {
    const values = Object.values(parseEnv(read(`deploy/${file}`)))
    assert.deepEqual(new Set(values), new Set(['']), file)
  }
})

test('deploy/relay.env.example: has every variable as the relay itself describes it', () => {
  const text = read('deploy/relay.env.example')
  const [, , ...blocks] = envFile({}, '').trimEnd().split('\n\n') // without its head and the configuration file
  assert.equal(blocks.length, Object.keys(VARIABLES).length)
  const [, , ...found] = text.trimEnd().split('\n\n')
  assert.deepEqual(found, blocks)
})

test('deploy/relay.env.example: has every variable of PROTOCOL.md, and no other', () => {
  const [, section = ''] = /^## 19\. Configuration\n(.*?)^## /ms.exec(read('PROTOCOL.md')) ?? []
  const promised = [...section.matchAll(/^\| `([A-Z_]+)`/gm)].map(([, name]) => name)
  const offered = [...read('deploy/relay.env.example').matchAll(/^(?:# )?([A-Z_]+)=/gm)].map(
    ([, name]) => name,
  )
  assert.ok(promised.length > 30)
  assert.deepEqual(offered.sort(), promised.sort())
})

test('deploy/haproxy/haproxy.cfg: is the example, but for names, ports and how relays are found', () => {
  const lines = (path: string) => read(path).split('\n')
  const [kit, example] = [lines('deploy/haproxy/haproxy.cfg'), lines('server/node/examples/haproxy.cfg')]
  const head = example.findIndex((line) => !line.startsWith('#'))
  const gone = example.slice(head).filter((line) => !kit.includes(line))
  assert.deepEqual(gone, [
    '    bind :80',
    '    bind :443 ssl crt /etc/haproxy/certs/app.example.pem alpn http/1.1',
    '    default-server check inter 1s fall 1 rise 1',
    '    server one 127.0.0.1:8081',
    '    server two 127.0.0.1:8082',
  ])
  const added = kit.slice(1).filter((line) => !example.includes(line))
  assert.deepEqual(added, [
    '# A container that is made anew has another address.',
    'resolvers containers',
    '    nameserver engine 127.0.0.11:53',
    '    hold valid 1s',
    '    bind :8080',
    '    bind :8443 ssl crt /etc/haproxy/certs/app.example.pem alpn http/1.1',
    '    default-server check inter 1s fall 1 rise 1 resolvers containers init-addr libc,none',
    '    server one relay-1:8080',
    '    server two relay-2:8080',
  ])
  const ports = readYaml('compose.yaml').services.haproxy.ports
  assert.deepEqual(ports, ['80:8080', '443:8443'])
})

test('Whoever stops a relay waits for longer than it drains', () => {
  const drainSeconds = schema.shape.DRAIN_SECONDS.parse(undefined)
  for (const name of ['relay-1', 'relay-2']) {
    const grace = secondsOf(readServices()[name]!.stop_grace_period!)
    assert.ok(grace >= drainSeconds + CLOSING_SECONDS, `${name}: ${grace}`)
  }
  const { terminationGracePeriodSeconds: grace, containers } = readYaml('kubernetes/deployment.yaml').spec
    .template.spec
  const before = containers[0].lifecycle.preStop.sleep.seconds
  const set = Number(literals().get('DRAIN_SECONDS'))
  assert.ok(grace >= before + set + CLOSING_SECONDS, `Kubernetes: ${grace}`)
  const unit = read('deploy/systemd/voicewire-relay@.service')
  const stop = Number(/^TimeoutStopSec=(\d+)$/m.exec(unit)?.[1])
  assert.ok(stop >= drainSeconds + CLOSING_SECONDS, `systemd: ${stop}`)
})

test('deploy/prometheus: promtool finds nothing', { skip: without('promtool') }, async () => {
  await judge('promtool', ['check', 'config', 'deploy/prometheus/prometheus.yml'])
  await judge('promtool', ['check', 'rules', '--lint=all', '--lint-fatal', 'deploy/prometheus/alerts.yml'])
})

test('deploy/prometheus/alerts.yml: each alert fires when it should, and not before', {
  skip: without('promtool'),
}, async () => {
  await judge('promtool', ['test', 'rules', 'test/deploy/alerts.yaml'])
  const named = parseDocuments(read('test/deploy/alerts.yaml'))[0].tests.flatMap(
    (one: { alert_rule_test: { alertname: string }[] }) =>
      one.alert_rule_test.map(({ alertname }) => alertname),
  )
  const rules = readYaml('prometheus/alerts.yml').groups.flatMap((group: { rules: object[] }) => group.rules)
  assert.deepEqual([...new Set(named)].sort(), rules.map(({ alert }: { alert: string }) => alert).sort())
})

test('deploy/prometheus/alerts.yml: asks for metrics that the relay shows', async () => {
  const metrics = new RelayMetrics(new Set())
  metrics.watchState(new MemoryState())
  const shown = new Set([...(await metrics.text()).matchAll(/^# TYPE (\S+) /gm)].map(([, name]) => name))
  const asked = read('deploy/prometheus/alerts.yml').match(/\b(voicewire_relay|process|nodejs)_\w+/g) ?? []
  assert.ok(asked.length > 5)
  for (const name of asked) assert.ok(shown.has(name), name)
})

test('deploy/prometheus: every relay of the compose file is asked, at its port for metrics', () => {
  const { targets } = readYaml('prometheus/prometheus.yml').scrape_configs[0].static_configs[0]
  const relays = Object.entries(readServices()).filter(([name]) => name.startsWith('relay'))
  assert.deepEqual(
    targets,
    relays.map(([name, { environment }]) => `${name}:${environment['METRICS_PORT']}`),
  )
})

test('deploy/grafana: the dashboard is where it is looked for, and Prometheus too', () => {
  const { grafana } = readServices()
  const { path } = readYaml('grafana/provisioning/dashboards/voicewire.yaml').providers[0].options
  const mount = grafana!.volumes!.find((volume) => volume.split(':')[1] === path)!
  assert.ok(existsSync(join(KIT, mount.split(':')[0]!, 'voicewire-relay.json')))
  const { url } = readYaml('grafana/provisioning/datasources/prometheus.yaml').datasources[0]
  assert.ok(new URL(url).hostname in readServices())
})

/** What the kustomization sets for the relay. */
function literals(): Map<string, string> {
  const { configMapGenerator } = readYaml('kubernetes/kustomization.yaml')
  return new Map(configMapGenerator[0].literals.map((text: string) => text.split('=')))
}

test('deploy/kubernetes: each manifest is what its schema allows', { skip: withoutCheckers }, async () => {
  const files = readdirSync(join(KIT, 'kubernetes')).filter((file) => file !== 'kustomization.yaml')
  const named = readYaml('kubernetes/kustomization.yaml').resources
  assert.deepEqual(files.sort(), [...named].sort())
  await judge(checker('kubernetes-validate'), [
    '--strict',
    ...files.map((file) => `deploy/kubernetes/${file}`),
  ])
})

test('deploy/kubernetes: what kustomize makes of it is valid, and belongs together', {
  skip: without('kubectl') || withoutCheckers,
}, async (t) => {
  const text = await judge('kubectl', ['kustomize', 'deploy/kubernetes'])
  const file = join(temporaryFolder(t, { 'all.yaml': text }), 'all.yaml')
  await judge(checker('kubernetes-validate'), ['--strict', file])
  const all = parseDocuments(text)
  const one = (kind: string) => all.find((resource) => resource.kind === kind)
  for (const { kind, metadata } of all) {
    if (kind !== 'Namespace') assert.equal(metadata.namespace, one('Namespace').metadata.name, kind)
  }
  const { template, selector } = one('Deployment').spec
  const [container] = template.spec.containers
  assert.match(container.image, /^registry\.example\/voicewire-relay:\d/)
  assert.equal(container.envFrom[0].configMapRef.name, one('ConfigMap').metadata.name)
  assert.deepEqual(template.metadata.labels, selector.matchLabels)
  for (const labels of [
    one('Service').spec.selector,
    one('NetworkPolicy').spec.podSelector.matchLabels,
    one('PodDisruptionBudget').spec.selector.matchLabels,
  ]) {
    assert.deepEqual(labels, selector.matchLabels)
  }
  assert.equal(one('HorizontalPodAutoscaler').spec.scaleTargetRef.name, one('Deployment').metadata.name)
  assert.equal(one('Namespace').metadata.labels['pod-security.kubernetes.io/enforce'], 'restricted')
})

test('deploy/kubernetes: variables are the relay’s, ports are the image’s, and the secret is only named', () => {
  const set = literals()
  for (const name of set.keys()) assert.ok(name in VARIABLES, name)
  const { env, user } = imageSettings(readDockerfile(read('deploy/Dockerfile')).at(-1)!)
  const pod = readYaml('kubernetes/deployment.yaml').spec.template.spec
  const [{ ports, envFrom, env: own }] = pod.containers
  assert.deepEqual(
    ports.map(({ containerPort }: { containerPort: number }) => String(containerPort)),
    [env['PORT'], set.get('METRICS_PORT')],
  )
  assert.equal(`${pod.securityContext.runAsUser}:${pod.securityContext.runAsGroup}`, user)
  assert.deepEqual(envFrom[1], { secretRef: { name: 'relay' } })
  assert.equal(own, undefined)
  assert.doesNotMatch(globSync('*.yaml', { cwd: join(KIT, 'kubernetes') }).join(), /secret/)
})

test('deploy/kubernetes/ingress.yaml: leads to every path of PROTOCOL.md, and to none for operators', () => {
  const { paths } = readYaml('kubernetes/ingress.yaml').spec.rules[0].http as {
    paths: { path: string; pathType: 'Prefix' | 'Exact' }[]
  }
  const leads = (wanted: string) =>
    paths.some(
      ({ path, pathType }) => wanted === path || (pathType === 'Prefix' && wanted.startsWith(`${path}/`)),
    )
  const [, section = ''] = /^## 2\. Paths\n(.*?)^## /ms.exec(read('PROTOCOL.md')) ?? []
  const sessions = [...section.matchAll(/^\| `(\/[\w/-]+)`/gm)].map(([, path]) => path!)
  assert.equal(sessions.length, 6)
  for (const path of [
    ...sessions,
    '/deepgram-proxy/transcription',
    '/api/voice-agent/token',
    '/function-call',
  ]) {
    assert.ok(leads(path), path)
  }
  for (const path of ['/admin/revoke', '/metrics', '/stats', '/health', '/ready', '/'])
    assert.ok(!leads(path), path)
})

test('deploy/systemd: systemd finds nothing wrong, and little exposed', {
  skip: without('systemd-analyze'),
}, async (t) => {
  const unit = read('deploy/systemd/voicewire-relay@.service')
  // What is started must be there to be judged.
  const here = unit.replace(/^ExecStart=\S+/m, `ExecStart=${process.execPath}`)
  assert.notEqual(here, unit)
  const name = 'voicewire-relay@8081.service'
  const file = join(temporaryFolder(t, { [name]: here }), name)
  assert.equal(await judge('systemd-analyze', ['verify', '--man=no', file]), '')
  await judge('systemd-analyze', ['security', '--offline=true', '--threshold=20', file])
  assert.match(unit, /^Environment=.*NODE_OPTIONS=--max-semi-space-size=4 PORT=%i/m)
  const { command } = imageSettings(readDockerfile(read('deploy/Dockerfile')).at(-1)!)
  assert.match(/^ExecStart=(.*)$/m.exec(unit)![1]!, new RegExp(`/${basename(command.at(-1)!)}$`))
})

test('docs/deployment.md: every block says its language, and what it names is there', () => {
  const text = read('docs/deployment.md')
  const fences = text.match(/^```.*$/gm) ?? []
  assert.equal(fences.length % 2, 0)
  for (const [index, fence] of fences.entries()) assert.match(fence, index % 2 === 0 ? /^```\w+$/ : /^```$/)
  const linked = [...text.matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g)].map(([, path]) => path!)
  for (const path of linked) assert.ok(existsSync(join(ROOT, 'docs', path)), path)
  const kit = globSync('**', { cwd: KIT, withFileTypes: true }).filter((entry) => entry.isFile())
  for (const { name, parentPath } of kit) {
    const path = relative(join(ROOT, 'docs'), join(parentPath, name))
    const ofOperators = name === '.env' || name === 'relay.env' || basename(parentPath) === 'certs'
    assert.ok(linked.includes(path) || basename(parentPath) === 'kubernetes' || ofOperators, path)
  }
  const alerts = [...read('deploy/prometheus/alerts.yml').matchAll(/- alert: (\w+)/g)].map(
    ([, name]) => name!,
  )
  for (const name of alerts) assert.ok(text.includes(`| \`${name}\``), name)
})

test('docs/deployment.md: commands that it does not say are not run do run', {
  skip: without('kubectl'),
}, async (t) => {
  const blocks = [
    ...read('docs/deployment.md').matchAll(/(<!-- not run: [^>]+ -->\n\n)?^```sh\n(.*?)^```$/gms),
  ]
  const commands = blocks.filter(([, mark]) => mark === undefined).map(([, , text]) => text!)
  assert.ok(commands.length > 0 && commands.length < blocks.length)
  const cwd = temporaryFolder(t)
  cpSync(KIT, join(cwd, 'deploy'), { recursive: true })
  for (const text of commands) await execute('sh', ['-euc', text], { cwd, env: { ...process.env, PATH } })
})
