/**
 * `npm run changeset`: the command of Changesets with its arguments, such as `npm run changeset -- version`, which also
 * gives the Python packages the relay's version. Changesets knows only packages that `workspaces` names, where npm has
 * no need of the project's own: so that is named there while the command runs.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ensureInstalled, fail, ROOT, run } from './environment.mjs'

/** Where each Python package says its version, if it is there. */
const PYTHON_VERSIONS = [
  'server/fastapi/pyproject.toml',
  'server/django/pyproject.toml',
  'server/django/src/voicewire_django/__init__.py',
]

const WITHOUT = '"workspaces": ['
const WITH = '"workspaces": [".", '

/**
 * Runs a command of Changesets.
 *
 * @param folder The project; default: this one.
 * @param stdio As of `child_process.spawn`; default: it says what it does.
 * @returns Its exit code.
 */
export async function changesets(args, folder = ROOT, stdio = 'inherit') {
  const file = join(folder, 'package.json')
  exchange(file, WITHOUT, WITH)
  try {
    const code = await run('changeset', args, { cwd: folder, stdio })
    if (code === 0 && args[0] === 'version') await follow(folder)
    return code
  } finally {
    exchange(file, WITH, WITHOUT)
  }
}

function exchange(file, before, after) {
  const text = readFileSync(file, 'utf8')
  if (!text.includes(before)) fail(`package.json must have ${before}`)
  writeFileSync(file, text.replace(before, after))
}

/** Brings what else has a version after that of the relay. */
async function follow(folder) {
  const { version } = JSON.parse(readFileSync(join(folder, 'server/node/package.json'), 'utf8'))
  for (const path of PYTHON_VERSIONS.map((name) => join(folder, name))) {
    if (!existsSync(path)) continue
    const text = readFileSync(path, 'utf8')
    writeFileSync(path, text.replace(/^(version|__version__) = ".*"$/m, `$1 = "${version}"`))
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  ensureInstalled()
  process.exitCode = await changesets(process.argv.slice(2))
}
