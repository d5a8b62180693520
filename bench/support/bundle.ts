import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const FOLDER = '.cache/bench'

/**
 * Bundles scripts for a page or a worklet, from the source.
 *
 * @param entries Paths in the repository by the name of their bundle.
 * @returns The folder in which the site serves them as `NAME.js`: `/.cache/bench`.
 */
export async function bundle(entries: Readonly<Record<string, string>>): Promise<string> {
  await build({
    absWorkingDir: ROOT,
    entryPoints: Object.entries(entries).map(([out, path]) => ({ in: join(ROOT, path), out })),
    outdir: FOLDER,
    bundle: true,
    format: 'esm',
    target: 'es2022',
    logLevel: 'error',
  })
  return `/${FOLDER}`
}

/**
 * @param source TypeScript whose imports are relative to the repository.
 * @param globalName Where a page that runs the result finds what the source exports; default: a module of its own.
 * @returns What a bundler makes of it: minified, in one piece.
 */
export async function bundleText(source: string, globalName?: string): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents: source, resolveDir: ROOT, loader: 'ts' },
    bundle: true,
    minify: true,
    write: false,
    target: 'es2022',
    ...(globalName ? { format: 'iife', globalName } : { format: 'esm' }),
  })
  return outputFiles[0]?.text ?? ''
}

/**
 * @param source As for {@link bundleText}.
 * @returns What a bundler makes of it where it may split: minified files by their names, of which `script.js` is the
 *   first.
 */
export async function bundleSplit(source: string): Promise<ReadonlyMap<string, string>> {
  const { outputFiles } = await build({
    stdin: { contents: source, resolveDir: ROOT, loader: 'ts' },
    bundle: true,
    splitting: true,
    minify: true,
    write: false,
    format: 'esm',
    target: 'es2022',
    outdir: ROOT,
    entryNames: 'script',
    logLevel: 'error',
  })
  return new Map(outputFiles.map(({ path, text }) => [basename(path), text]))
}
