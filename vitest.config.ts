import { defineConfig } from 'vitest/config'

// oxlint-disable-next-line import/no-default-export -- the tool reads its configuration from there
export default defineConfig({
  // What node itself resolves. With vite's own `development` condition, graphql would be loaded twice: as its
  // development build by our files and as its plain build by the packages between.
  ssr: { resolve: { conditions: ['module', 'node'] } },
  test: {
    // Real engines share two cores with the tests: a limit is there to end what hangs, not to measure.
    testTimeout: 30_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
    exclude: ['**/node_modules/**', '**/dist/**', '.cache/**'],
  },
})
