// `npm run build`: the programs of Polis as JavaScript bundles in dist/.
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'rolldown'

const ROOT = join(import.meta.dirname, '..')
const DIST = join(ROOT, 'dist')

/** Programs, and the workers they start: a worker is found beside its program by this name. */
const ENTRIES = {
  polis: 'boot/polis.ts',
  server: 'boot/server.ts',
  agent: 'boot/agent.ts',
  supervise: 'boot/supervise.ts',
  'sqlite-store-worker': 'kernel/store/sqlite-store-worker.ts',
  'sqlite-journal-worker': 'kernel/journal/sqlite-journal-worker.ts',
} as const

/** Changes when any byte of the programs does: running ones are then started anew. */
function hashOfFolder(folder: string): string {
  const hash = createHash('sha256')
  for (const name of readdirSync(folder).toSorted()) {
    if (name.endsWith('.js')) hash.update(`${name}\0`).update(readFileSync(join(folder, name)))
  }
  return hash.digest('hex')
}

// Where neither git nor a check looks, should this be cut short.
const CACHE = join(ROOT, '.cache')
const part = join(CACHE, `dist.${process.pid}.part`)
const old = join(CACHE, `dist.${process.pid}.old`)
for (const folder of [part, old]) rmSync(folder, { recursive: true, force: true })
try {
  await build({
    cwd: ROOT,
    input: ENTRIES,
    platform: 'node',
    logLevel: 'warn',
    transform: { target: 'node24' },
    output: {
      dir: part,
      format: 'esm',
      sourcemap: true,
      entryFileNames: '[name].js',
      // Flat: `import.meta.url` of a chunk must lie beside the workers.
      chunkFileNames: '[name]-[hash].js',
      comments: { legal: true },
    },
  })
} catch (error) {
  // The whole of it, and no stack of the bundler's own.
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exit(1)
}
writeFileSync(join(part, 'build.json'), JSON.stringify({ id: hashOfFolder(part) }))
// Programs that run now have read theirs; the next to start find a whole folder.
if (existsSync(DIST)) renameSync(DIST, old)
renameSync(part, DIST)
rmSync(old, { recursive: true, force: true })
