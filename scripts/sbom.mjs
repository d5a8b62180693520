/**
 * `npm run sbom`: writes for each npm package what it brings into a project, in CycloneDX, to .cache/sbom. It is read
 * from the package as it would be published, so it has what a user gets, and nothing that only the project needs.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from './build.mjs'
import { ensureInstalled, ROOT } from './environment.mjs'
import { IMPATIENT, npm, PACKAGES, packAll, tarballOf } from './published.mjs'

/** Where they lie: `<name>.cdx.json`. */
export const SBOM = join(ROOT, '.cache', 'sbom')

/** Writes all, of what was packed last. */
export async function writeSboms() {
  rmSync(SBOM, { recursive: true, force: true })
  mkdirSync(SBOM, { recursive: true })
  for (const name of Object.keys(PACKAGES)) {
    writeFileSync(join(SBOM, `${name}.cdx.json`), await sbomOf(name))
  }
}

/**
 * npm leaves out of a workspace's list what another workspace needs for its development, so the package stands alone
 * here, without what only its own development needs.
 */
async function sbomOf(name) {
  const work = mkdtempSync(join(tmpdir(), 'voicewire-sbom-'))
  // npm takes the folder's name for the package's.
  const folder = join(work, name)
  mkdirSync(folder)
  try {
    const text = execFileSync('tar', ['-xOzf', tarballOf(name), 'package/package.json'], { encoding: 'utf8' })
    const { devDependencies, workspaces, scripts, ...manifest } = JSON.parse(text)
    writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest))
    // The npmrc says that a lock file names no registry; so does the list then.
    writeFileSync(join(folder, '.npmrc'), readFileSync(join(ROOT, '.npmrc')))
    await npm(
      ['install', '--package-lock-only', '--prefer-offline', '--loglevel=error', ...IMPATIENT],
      folder,
    )
    const { stdout } = await npm(
      ['sbom', '--sbom-format=cyclonedx', '--sbom-type=library', '--package-lock-only', '--loglevel=error'],
      folder,
    )
    return stdout
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  ensureInstalled()
  await build()
  await packAll()
  await writeSboms()
  console.log(`The lists are in ${SBOM}`)
}
