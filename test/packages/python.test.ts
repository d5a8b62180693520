import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { pythonEnvironment } from '../../scripts/python.mjs'

const run = promisify(execFile)
const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const BACKENDS = ['fastapi', 'django'] as const
const { program, missing } = pythonEnvironment('packaging')
const options = { skip: missing ?? false, timeout: 180_000 }
/** Where the packages lie as they would be published. */
const work = mkdtempSync(join(tmpdir(), 'voicewire-wheels-'))
/** Both, with what they bring, and nothing else. What they bring stays there from run to run. */
const installed = join(ROOT, '.cache/python/published')
const python = join(installed, process.platform === 'win32' ? 'Scripts/python' : 'bin/python')

after(() => rmSync(work, { recursive: true, force: true }))

before(async () => {
  if (missing) return
  for (const name of BACKENDS) {
    const folder = join(ROOT, 'server', name)
    await run(program('hatchling'), ['build', '--directory', work], { cwd: folder })
  }
  const wheels = BACKENDS.map((name) => wheelOf(name))
  if (!existsSync(python)) {
    mkdirSync(installed, { recursive: true })
    await run(program('python'), ['-m', 'venv', '--without-pip', installed])
  }
  const pip = (...args: string[]) =>
    run(program('python'), ['-m', 'pip', '--python', python, '--disable-pip-version-check', ...args])
  await pip('install', '--quiet', ...wheels)
  // Under a version that is there already pip would leave what is there.
  await pip('install', '--quiet', '--no-deps', '--force-reinstall', ...wheels)
  await pip('check')
})

function wheelOf(name: string): string {
  const [wheel] = globSync(`voicewire_${name}-*.whl`, { cwd: work })
  assert.ok(wheel, `no wheel of ${name}`)
  return join(work, wheel)
}

/** Runs a script of Python. @returns What it printed, as JSON. */
async function evaluate<T>(interpreter: string, script: string, ...args: string[]): Promise<T> {
  const { stdout } = await run(interpreter, ['-c', script, ...args], { cwd: work })
  return JSON.parse(stdout) as T
}

const FILES = `
import json, sys, tarfile, zipfile
path = sys.argv[1]
archive = zipfile.ZipFile(path) if path.endswith(".whl") else tarfile.open(path)
names = archive.namelist() if path.endswith(".whl") else archive.getnames()
print(json.dumps(sorted(names)))
`

test('python: a wheel has the sources, their types, the licence, and nothing else', options, async () => {
  for (const name of BACKENDS) {
    const names = await evaluate<string[]>(program('python'), FILES, wheelOf(name))
    const sources = globSync('**/*.{py,typed}', { cwd: join(ROOT, 'server', name, 'src') })
    const [version] = /\d+\.\d+\.\d+/.exec(basename(wheelOf(name)))!
    const info = `voicewire_${name}-${version}.dist-info`
    const about = ['METADATA', 'RECORD', 'WHEEL', 'licenses/LICENSE'].map((file) => `${info}/${file}`)
    if (name === 'fastapi') about.push(`${info}/entry_points.txt`)
    assert.deepEqual(names, [...sources, ...about].sort())
  }
})

test(
  'python: an archive of sources has what makes the package, and nothing that was made',
  options,
  async () => {
    for (const name of BACKENDS) {
      const [archive] = globSync(`voicewire_${name}-*.tar.gz`, { cwd: work })
      const names = await evaluate<string[]>(program('python'), FILES, join(work, archive!))
      const paths = names.map((path) => path.slice(path.indexOf('/') + 1))
      for (const path of ['pyproject.toml', 'README.md', 'LICENSE', 'PKG-INFO'])
        assert.ok(paths.includes(path), path)
      // It has the list of what git ignores, by which it was chosen.
      const stray = paths.filter((path) => /(^|\/)(\.(?!gitignore$)|__pycache__|.*\.(pyc|whl)$)/.test(path))
      assert.deepEqual(stray, [])
    }
  },
)

const METADATA = `
import json, sys, zipfile
from packaging.metadata import Metadata
wheel = zipfile.ZipFile(sys.argv[1])
path = next(name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
data = Metadata.from_email(wheel.read(path), validate=True)
print(json.dumps([data.name, data.license_expression, data.description_content_type, len(data.description or "")]))
`

test('python: the metadata are what PyPI takes', options, async () => {
  for (const name of BACKENDS) {
    const found = await evaluate<[string, string, string, number]>(program('python'), METADATA, wheelOf(name))
    const readme = readFileSync(join(ROOT, 'server', name, 'README.md'), 'utf8')
    assert.deepEqual(found.slice(0, 3), [`voicewire-${name}`, 'MIT', 'text/markdown'])
    assert.ok(found[3] > readme.length / 2, 'the description is the README')
  }
})

test('python: what is installed can be imported, and started', options, async () => {
  const script = `
import json, voicewire_django, voicewire_fastapi
print(json.dumps([voicewire_django.__file__, voicewire_fastapi.__file__]))
`
  for (const path of await evaluate<string[]>(python, script)) assert.ok(path.startsWith(installed), path)
  // Without its settings it says which are missing.
  await assert.rejects(run(join(python, '../voicewire-fastapi'), [], { env: {}, cwd: work }), {
    stderr: /^Cannot start the relay as OPENAI_API_KEY must be given/,
  })
})

const LICENCES = `
import json
from importlib.metadata import distributions
found = {}
for one in distributions():
    data = one.metadata
    named = data.get("License-Expression") or data.get("License") or ""
    classes = [c.split(" :: ")[-1] for c in data.get_all("Classifier") or [] if c.startswith("License ::")]
    found[data["Name"]] = named if named and len(named) < 60 and chr(10) not in named else " OR ".join(classes)
print(json.dumps(found))
`

/** Licences that ask for no more than their text to be kept, by the many names that packages give them. */
const PERMISSIVE = [
  /^(0BSD|ISC|MIT-0|PSF-2\.0|Python Software Foundation License)$/,
  /^(The )?MIT( License)?$/,
  /^BSD( License)?$|^BSD-[23]-Clause$|^3-Clause BSD( License)?$/,
  /^Apache(-2\.0| 2\.0| Software License| License,? Version 2\.0)$/,
]

/** The list of authorities that a client of HTTPS trusts: what is changed in its files stays under its licence. */
const TOLERATED: Readonly<Record<string, string>> = { certifi: 'MPL-2.0' }

test('python: all that the packages bring is under permissive licences', options, async () => {
  const found = Object.entries(await evaluate<Record<string, string>>(python, LICENCES))
  assert.ok(found.length > 10)
  const fits = (licence: string) => PERMISSIVE.some((pattern) => pattern.test(licence))
  const others = found.filter(
    ([name, licence]) => TOLERATED[name] !== licence && !licence.split(/ OR | AND /).every(fits),
  )
  assert.deepEqual(Object.fromEntries(others), {})
})
