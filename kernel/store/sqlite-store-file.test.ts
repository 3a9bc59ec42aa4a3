import { chmod, mkdtemp, open, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { silentLogger } from '@polis/lib/logger'
import { run } from '@polis/lib/run'
import { TestClock } from '@polis/lib/test-clock'
import { until } from '@polis/lib/until'
import { rolldown } from 'rolldown'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openSqliteStore } from './sqlite-store.ts'
import type { Store } from './store.ts'

let folder: string
let file: string
let clock: TestClock
const opened: Store[] = []
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'polis-store-'))
  file = join(folder, 'store.db')
  clock = new TestClock()
})
afterEach(async () => {
  for (const store of opened.splice(0)) await store.close()
  await rm(folder, { recursive: true })
})

async function openStore(worker?: URL): Promise<Store> {
  const deps = { file, clock, logger: silentLogger }
  const store = await openSqliteStore(worker === undefined ? deps : { ...deps, worker })
  opened.push(store)
  return store
}

async function writeMuch(): Promise<void> {
  const store = await openStore()
  for (let n = 0; n < 50; n += 1) {
    await store.transact({ writes: [{ put: `k/${n}`, value: 'x'.repeat(5000) }] })
  }
  await store.close()
}

describe('what is kept', () => {
  it('is all there after closing: entries, history, counters', async () => {
    const first = await openStore()
    for (let n = 0; n < 10; n += 1)
      await first.transact({ writes: [{ put: `k/${n % 3}`, value: n }] })
    await first.compact(4)
    const before = await first.list('')
    await first.close()
    const second = await openStore()
    expect(await second.list('')).toEqual(before)
    expect(await second.revision()).toBe(10)
    const signal = AbortSignal.timeout(5000)
    const resumed = second.watch({ prefix: '', from: 8 }, signal)[Symbol.asyncIterator]()
    expect((await resumed.next()).value).toMatchObject({ revision: 9 })
    const late = second.watch({ prefix: '', from: 3 }, signal)[Symbol.asyncIterator]()
    await expect(late.next()).rejects.toMatchObject({ compactedRevision: 4 })
  })

  it('gives leases their full time again', async () => {
    const first = await openStore()
    const lease = await first.leases.grant(10_000)
    await first.transact({ writes: [{ put: 'leader', value: 1, lease }] })
    clock.advance(9000)
    await first.close()
    const second = await openStore()
    clock.advance(9999)
    await second.leases.keepAlive(lease)
    clock.advance(9999)
    expect(await second.find('leader')).toBeDefined()
    clock.advance(1)
    await until(async () => (await second.find('leader')) === undefined, {
      deadlineMs: 5000,
      what: 'the lease ends',
    })
  })

  it('is for its owner only, also in a file that was open to all', async () => {
    await writeFile(file, '')
    await chmod(file, 0o666)
    const store = await openStore()
    await store.transact({ writes: [{ put: 'a', value: 1 }] })
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    expect((await stat(`${file}-wal`)).mode & 0o777).toBe(0o600)
  })
})

describe('what is refused', () => {
  it('is a file that another has open', async () => {
    await openStore()
    await expect(openStore()).rejects.toMatchObject({
      code: 'Unavailable',
      message: expect.stringContaining('another process') as string,
    })
  })

  it('is a folder that is not there', async () => {
    file = join(folder, 'absent', 'store.db')
    await expect(openStore()).rejects.toMatchObject({ code: 'Unavailable' })
  })

  it('is a file of a newer version, and it stays as it was', async () => {
    await (await openStore()).close()
    const newer = new DatabaseSync(file)
    newer.exec('PRAGMA user_version = 99')
    newer.close()
    const before = await readFile(file)
    await expect(openStore()).rejects.toMatchObject({
      code: 'FailedPrecondition',
      message: expect.stringContaining('newer') as string,
    })
    expect(await readFile(file)).toEqual(before)
  })

  it("is somebody else's file", async () => {
    const others = new DatabaseSync(file)
    others.exec('CREATE TABLE theirs (a)')
    others.close()
    const before = await readFile(file)
    await expect(openStore()).rejects.toMatchObject({ code: 'FailedPrecondition' })
    await writeFile(file, 'Dear diary, '.repeat(1000))
    await expect(openStore()).rejects.toMatchObject({ code: 'FailedPrecondition' })
    await writeFile(file, before)
    await expect(openStore()).rejects.toMatchObject({ code: 'FailedPrecondition' })
    expect(await readFile(file)).toEqual(before)
  })

  it.each(['overwritten', 'truncated'])('is a file that was %s in the middle', async (damage) => {
    await writeMuch()
    const { size } = await stat(file)
    const damaged = await open(file, 'r+')
    if (damage === 'truncated') await damaged.truncate(Math.floor(size / 2))
    else await damaged.write(Buffer.alloc(Math.floor(size / 2), 0xaa), 0, null, 16_384)
    await damaged.close()
    const before = await readFile(file)
    await expect(openStore()).rejects.toMatchObject({
      code: 'FailedPrecondition',
      message: expect.stringContaining('damaged') as string,
    })
    expect(await readFile(file)).toEqual(before)
  })
})

describe('the thread', () => {
  it('fails all who wait, clearly, when it dies', async () => {
    const program = `
      import { parentPort } from 'node:worker_threads'
      parentPort.postMessage({
        kind: 'opened', opened: { revision: 0, compactedRevision: 0, leases: [] }
      })
      parentPort.on('message', () => process.exit(1))`
    const store = await openStore(new URL(`data:text/javascript,${encodeURIComponent(program)}`))
    const gone = { code: 'Unavailable', message: "the store's thread is gone" }
    const watching = store.watch({ prefix: '' }, AbortSignal.timeout(5000))
    await Promise.all([
      expect(watching[Symbol.asyncIterator]().next()).rejects.toMatchObject(gone),
      expect(store.transact({ writes: [{ put: 'a', value: 1 }] })).rejects.toMatchObject(gone),
      expect(store.find('a')).rejects.toMatchObject(gone),
    ])
    await expect(store.find('a')).rejects.toMatchObject(gone)
    await expect(store.revision()).rejects.toMatchObject(gone)
  })

  it('is found beside a bundle', { timeout: 30_000 }, async () => {
    const here = import.meta.dirname
    const bundle = await rolldown({
      platform: 'node',
      input: {
        main: join(here, 'testdata', 'put-and-get.ts'),
        'sqlite-store-worker': join(here, 'sqlite-store-worker.ts'),
      },
    })
    await bundle.write({ dir: join(folder, 'dist'), format: 'esm', entryFileNames: '[name].js' })
    await bundle.close()
    await writeFile(join(folder, 'dist', 'package.json'), '{"type":"module"}')
    const { stdout } = await run(process.execPath, [join(folder, 'dist', 'main.js'), file], {
      signal: AbortSignal.timeout(20_000),
    })
    expect(stdout).toBe('{"key":"a","value":1,"revision":1,"createRevision":1}')
  })
})
