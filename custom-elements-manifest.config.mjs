import { describeElements } from './scripts/manifest/analyzer-plugin.mjs'

/** For the analyzer that `npm run manifest` runs: what custom-elements.json is read from. */
export default {
  globs: ['elements/**/*.ts'],
  litelement: true,
  packagejson: false,
  plugins: [describeElements()],
}
