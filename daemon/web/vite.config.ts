import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

export default defineConfig({
  plugins: [react()],
  build: {
    // Nothing inline: the page's Content-Security-Policy takes neither data: nor inline scripts.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rollupOptions: { input: ['index.html', 'operator.html'] },
  },
  // `npm run dev` beside a chatd on its default port.
  server: { proxy: { '/socket.io': { target: 'http://localhost:3000', ws: true }, '/v1': 'http://localhost:3000', '/metrics': 'http://localhost:3000' } },
});
