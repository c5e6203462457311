import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

const SERVICE = process.env.VIDEOCHAT_URL ?? "http://127.0.0.1:8000";

export default defineConfig({
  plugins: [svelte()],
  base: "/",
  build: {
    outDir: "../src/videochat/web/page",
    emptyOutDir: true,
    target: "es2022",
    // The page's content security policy allows fonts and scripts from files only, never from data: addresses.
    assetsInlineLimit: 0,
  },
  server: { proxy: { "/api": SERVICE, "/health": SERVICE } },
  test: { environment: "node", include: ["src/**/*.test.ts"] },
});
