import { mkdtemp, open, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silentLogger } from '@polis/lib/logger'
import { run } from '@polis/lib/run'
import { TestClock } from '@polis/lib/test-clock'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { readAll } from './conformance-lists.ts'
import { openSqliteStore } from './sqlite-store.ts'
import type { Store } from './store.ts'

const signal = AbortSignal.timeout(60_000)
const FULL = { code: 'ResourceExhausted' }

let folder: string
let store: Store | undefined
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'polis-full-'))
  await run('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', folder], { signal })
})
afterEach(async () => {
  await store?.close()
  await run('umount', ['--lazy', folder], { signal })
  await rm(folder, { recursive: true })
})

async function openStore(): Promise<Store> {
  const file = join(folder, 'store.db')
  return openSqliteStore({ file, clock: new TestClock(), logger: silentLogger })
}

/** Fills the disk to its last byte, and returns what makes room again. */
async function fillDisk(leaveBytes: number): Promise<() => Promise<void>> {
  const ballast = join(folder, 'ballast')
  await writeFile(join(folder, 'reserve'), Buffer.alloc(leaveBytes))
  const file = await open(ballast, 'w')
  try {
    for (;;) await file.write(Buffer.alloc(4096))
  } catch {
    await rm(join(folder, 'reserve'))
    return () => rm(ballast)
  } finally {
    await file.close()
  }
}

it('refuses what does not fit, changes nothing, and goes on once there is room', async () => {
  store = await openStore()
  let written = 0
  const value = 'x'.repeat(20_000)
  const fill = async (): Promise<void> => {
    for (; ; written += 1) await store?.transact({ writes: [{ put: `k/${written}`, value }] })
  }
  const makeRoom = await fillDisk(1_000_000)
  await expect(fill()).rejects.toMatchObject(FULL)
  expect(written).toBeGreaterThan(5)
  const whole = {
    writes: Array.from({ length: 20 }, (_, n) => ({ put: `many/${n}`, value })),
  }
  await expect(store.transact(whole)).rejects.toMatchObject(FULL)
  expect((await readAll(store, '')).entries).toHaveLength(written)
  expect(await store.revision()).toBe(written)

  await makeRoom()
  expect(await store.transact(whole)).toEqual({ revision: written + 1 })
  await store.close()
  store = await openStore()
  expect((await readAll(store, 'k/')).entries).toHaveLength(written)
  expect((await readAll(store, 'many/')).entries).toHaveLength(20)
})

it('does not let the one that does not fit take the others with it', async () => {
  store = await openStore()
  await store.transact({ writes: [{ put: 'first', value: 1 }] })
  await fillDisk(300_000)
  const tooBig = { writes: [{ put: 'big', value: 'x'.repeat(500_000) }] }
  const outcomes = await Promise.allSettled([
    store.transact({ writes: [{ put: 'a', value: 1 }] }),
    store.transact(tooBig),
    store.transact({ writes: [{ put: 'b', value: 1 }] }),
  ])
  expect(outcomes).toMatchObject([
    { status: 'fulfilled', value: { revision: 2 } },
    { status: 'rejected', reason: FULL },
    { status: 'fulfilled', value: { revision: 3 } },
  ])
  expect((await store.list('')).entries.map(({ key }) => key)).toEqual(['a', 'b', 'first'])
})

it('says so when there is no room to begin with', async () => {
  await fillDisk(0)
  await expect(openStore()).rejects.toMatchObject(FULL)
})
