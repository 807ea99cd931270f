import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import react from '@vitejs/plugin-react';
import { defineConfig, type Plugin } from 'vite';

/** Leaves a .br and a .gz beside each file that gains by it, so that the API compresses nothing while it serves. */
function precompress(): Plugin {
  return {
    name: 'precompress',
    apply: 'build',
    // Once everything is written: other plugins change chunks to the very end.
    writeBundle({ dir = 'dist' }, bundle) {
      for (const fileName of [...Object.keys(bundle), 'index.html']) {
        const file = path.join(dir, fileName);
        if (!/\.(js|css|svg|html)$/.test(fileName) || !existsSync(file)) continue;
        const source = readFileSync(file);
        if (source.length < 1024) continue;
        const quality = { [constants.BROTLI_PARAM_QUALITY]: 10 };
        writeFileSync(`${file}.br`, brotliCompressSync(source, { params: quality }));
        writeFileSync(`${file}.gz`, gzipSync(source, { level: 9 }));
      }
    },
  };
}

const API = process.env.CALLWRIGHT_API ?? 'http://127.0.0.1:3000';

export default defineConfig({
  plugins: [react(), precompress()],
  build: {
    assetsDir: 'console/assets',
    target: 'es2022',
    // Inlined assets would need exceptions from the content policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  // `npm run dev`: the page from here, all data from a callwright that runs.
  server: { proxy: { '/api': API, '/console/config.json': API, '/console/local': API, '/readyz': API } },
});
