import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cpSync, globSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { changesets } from '../../scripts/changesets.mjs'
import { PACKAGES } from '../../scripts/published.mjs'
import { pythonEnvironment } from '../../scripts/python.mjs'

const run = promisify(execFile)
const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** What a release reads and writes, in a repository of its own, whose last commit is this state. */
async function copyOfProject(t: TestContext): Promise<string> {
  const copy = mkdtempSync(join(tmpdir(), 'voicewire-release-'))
  t.after(() => rmSync(copy, { recursive: true, force: true }))
  const { workspaces } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    workspaces: string[]
  }
  const manifests = workspaces.map((folder) => `${folder}/package.json`)
  const python = globSync('server/*/{pyproject.toml,src/*/__init__.py}', { cwd: ROOT })
  for (const path of ['package.json', 'package-lock.json', '.changeset', ...manifests, ...python]) {
    cpSync(join(ROOT, path), join(copy, path), { recursive: true })
  }
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'))
  const git = (...args: string[]) => run('git', args, { cwd: copy })
  await git('init', '--quiet')
  await git('add', '--all', '--', ':!node_modules')
  const author = ['-c', 'user.name=test', '-c', 'user.email=test@example.com']
  await git(...author, 'commit', '--quiet', '--no-gpg-sign', '--message=State')
  return copy
}

test('release: the next versions of all packages and their changelogs come from the changesets', async (t) => {
  const copy = await copyOfProject(t)
  const read = (path: string): string => readFileSync(join(copy, path), 'utf8')
  const versionOf = (folder: string): string =>
    (JSON.parse(read(join(folder, 'package.json'))) as { version: string }).version
  const before = versionOf('.')
  const pending = globSync('.changeset/*.md', { cwd: copy }).map((path) => read(path))
  assert.equal(await changesets(['version'], copy, ['ignore', 'ignore', 'inherit']), 0)

  assert.deepEqual(globSync('.changeset/*.md', { cwd: copy }), [], 'each changeset is spent')
  for (const [name, folder] of Object.entries(PACKAGES)) {
    const concerns = pending.filter((text) => new RegExp(`^"${name}": `, 'm').test(text))
    const changelog = read(join(folder, 'CHANGELOG.md'))
    assert.ok(changelog.startsWith(`# ${name}\n\n## ${versionOf(folder)}\n`), changelog.slice(0, 80))
    for (const text of concerns) {
      const [first = ''] = text.split('---\n')[2]!.trim().split('\n')
      assert.ok(changelog.includes(first), `${name}: ${first}`)
    }
  }
  assert.notEqual(versionOf('.'), before)
  for (const backend of ['fastapi', 'django']) {
    assert.match(read(`server/${backend}/pyproject.toml`), new RegExp(`^version = "${versionOf('.')}"$`, 'm'))
  }
  const manifest = (folder: string) =>
    JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as object
  assert.deepEqual({ ...manifest(copy), version: before }, manifest(ROOT), 'nothing else of it has changed')
})

test('release: every action is one commit, for good', () => {
  const workflows = globSync('.github/workflows/*.yml', { cwd: ROOT })
  assert.equal(workflows.length, 2)
  for (const path of workflows) {
    const text = readFileSync(join(ROOT, path), 'utf8')
    const used = [...text.matchAll(/uses: (\S+)/g)].map(([, action = '']) => action)
    assert.ok(used.length > 0)
    for (const action of used) assert.match(action, /^(\.\/\.github\/|[\w/-]+@[\da-f]{40}$)/)
  }
})

const packaging = pythonEnvironment('packaging')

test('release: nothing in the workflows can be abused', { skip: packaging.missing ?? false }, async () => {
  const args = ['--offline', '--color=never', '--no-progress', '--persona=pedantic', '.github']
  const { stdout } = await run(packaging.program('zizmor'), args, { cwd: ROOT }).catch(
    (error: { stdout: string }) => assert.fail(error.stdout),
  )
  assert.match(stdout, /^No findings to report/)
})
