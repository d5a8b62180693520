#!/usr/bin/env node
import { existsSync } from 'node:fs'

// A checkout runs from source, which Node 22.18 and later can; what is published has only what was built.
const source = new URL('../src/cli.ts', import.meta.url)
await import(existsSync(source) ? source.href : '../dist/cli.js')
