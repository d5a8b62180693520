import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

/** The relay of `npm start` takes this page for one of its own. */
const relay = 'http://127.0.0.1:8000'
const proxy = { target: relay, headers: { origin: relay } }

export default defineConfig({
  plugins: [react()],
  // Wherever the page is put, it finds its files beside it.
  base: './',
  // A strict Content-Security-Policy lets no `data:` URL through, in which Vite puts small files.
  build: { assetsInlineLimit: 0 },
  server: { proxy: { '/api': proxy, '/v1': { ...proxy, ws: true } } },
})
