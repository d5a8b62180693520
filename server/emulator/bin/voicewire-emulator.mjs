#!/usr/bin/env node
import { existsSync } from 'node:fs'

// A checkout that has not been built runs from source, which Node 22.18 and later can.
const built = new URL('../dist/cli.js', import.meta.url)
await import(existsSync(built) ? built.href : '../src/cli.ts')
