import { defineConfig } from "vite";

export default defineConfig({
  build: { outDir: "../dist/web", emptyOutDir: true },
  // `npx vite web` while working on the page, with `nuwa serve` beside it.
  server: { proxy: { "/v1": "http://127.0.0.1:8080" } },
});
