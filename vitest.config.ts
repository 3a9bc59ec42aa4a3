import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    // Real engines share two cores with the tests: a limit is there to end what hangs, not to measure.
    testTimeout: 30_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
    exclude: ['**/node_modules/**', '**/dist/**', '.cache/**'],
  },
})
