/**
 * Writes the pages that are read from the project itself: the API and the elements into docs/reference, files elsewhere
 * that documents link to into docs/source. Neither is committed: each build of the site makes them anew.
 */
import { rmSync } from 'node:fs'
import { writeApi } from './api.mjs'
import { writeElements } from './elements.mjs'
import { DOCS } from './places.mjs'
import { writeSources } from './sources.mjs'

for (const folder of ['reference', 'source']) rmSync(`${DOCS}/${folder}`, { recursive: true, force: true })
writeElements(`${DOCS}/reference/elements`)
await writeApi(`${DOCS}/reference/api`)
writeSources()
