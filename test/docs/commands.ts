import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Where a command of the documents is shown to run. */
export interface Elsewhere {
  /** A file from the root. */
  readonly file: string
  /** What it holds where it runs the command: all of it. */
  readonly holds: readonly string[]
}

/** They are for a copy of the repository, and one of them for a program that is not everywhere. */
const DEPLOYMENT: Elsewhere = {
  file: 'test/deploy/files.test.ts',
  holds: ["read('docs/deployment.md').matchAll", "execute('sh', ['-euc', text]"],
}

/**
 * Commands that are not run where the documents are tested, as they take too long there, or would test this test.
 * All others run as they are written.
 */
export const ELSEWHERE: Readonly<Record<string, Elsewhere>> = {
  'npm start': { file: 'test/support/npm-start.ts', holds: ["spawn('npm', ['start'"] },
  ...Object.fromEntries(
    [
      'cp deploy/.env.example deploy/.env',
      'cp deploy/relay.env.example deploy/relay.env',
      'chmod 600 deploy/.env deploy/relay.env',
      'mkdir -p deploy/certs',
      'kubectl kustomize deploy/kubernetes',
    ].map((command) => [command, DEPLOYMENT]),
  ),
  'npm test': { file: '.ci/run', holds: ['npm test'] },
  'npm test -- python': { file: 'scripts/run-tests.mjs', holds: ['python: pythonTests'] },
  'npx voicewire-conformance --relay ws://127.0.0.1:8080 --upstream-port 9100 --config relay.env': {
    file: 'server/conformance/test/cli.test.ts',
    holds: ["'--relay'", "'--upstream-port'", "'--config'"],
  },
  'haproxy -c -f haproxy.cfg && haproxy -f haproxy.cfg': {
    file: 'server/node/test/support/proxies.ts',
    holds: ['haproxy.cfg', "check: ['-c', '-f', file]", "'-f', file] }"],
  },
  "pip install -e '.[test]'": { file: 'scripts/python.mjs', holds: ['[test]`'] },
  pytest: { file: 'scripts/python.mjs', holds: ["program('pytest')"] },
  'ruff check . && mypy': { file: 'scripts/python.mjs', holds: ["program('ruff')", "program('mypy')"] },
  "python -m venv .venv && .venv/bin/pip install -e '.[test]'": {
    file: 'scripts/python.mjs',
    holds: ["['-m', 'venv'"],
  },
  '.venv/bin/ruff check . && .venv/bin/mypy && .venv/bin/pytest': {
    file: 'scripts/python.mjs',
    holds: ["program('ruff')", "program('mypy')", "program('pytest')"],
  },
  'VOICEWIRE_LOAD=1 .venv/bin/pytest -s tests/test_load.py': {
    file: 'server/fastapi/tests/test_load.py',
    holds: ['VOICEWIRE_LOAD'],
  },
}

/** @returns Whether the file is there, and holds what it should. */
export function isShown(root: string, { file, holds }: Elsewhere): boolean {
  const path = join(root, file)
  if (!existsSync(path)) return false
  const text = readFileSync(path, 'utf8')
  return holds.every((part) => text.includes(part))
}
