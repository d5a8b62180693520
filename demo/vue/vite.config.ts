import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vite'

/** The relay of `npm start` takes this page for one of its own. */
const relay = 'http://127.0.0.1:8000'
const proxy = { target: relay, headers: { origin: relay } }

export default defineConfig({
  plugins: [vue({ template: { compilerOptions: { isCustomElement: (tag) => tag.startsWith('voice-') } } })],
  // Wherever the page is put, it finds its files beside it.
  base: './',
  // A strict Content-Security-Policy lets no `data:` URL through, in which Vite puts small files.
  build: { assetsInlineLimit: 0 },
  server: { proxy: { '/api': proxy, '/v1': { ...proxy, ws: true } } },
})
