import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silentLogger } from '@polis/lib/logger'
import { afterAll, beforeAll } from 'vitest'
import { storeConformance } from './conformance.ts'
import { openSqliteStore } from './sqlite-store.ts'

let folder: string
let files = 0
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'polis-store-'))
})
afterAll(() => rm(folder, { recursive: true }))

storeConformance('sqlite store', {
  open: (clock) =>
    openSqliteStore({ file: join(folder, `${(files += 1)}.db`), clock, logger: silentLogger }),
})
