import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silentLogger } from '@polis/lib/logger'
import { TestClock } from '@polis/lib/test-clock'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { openSqliteStore } from '../store/sqlite-store.ts'
import { journalConformance } from './conformance.ts'
import { openSqliteJournal } from './sqlite-journal.ts'

let folder: string
let files = 0
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'polis-journal-'))
})
afterAll(() => rm(folder, { recursive: true }))

const newFile = (): string => join(folder, `${(files += 1)}.db`)

journalConformance('sqlite journal', (clock) => openSqliteJournal({ file: newFile(), clock }))

it('keeps records and numbers over a restart, for its owner only', async () => {
  const file = newFile()
  const clock = new TestClock()
  const record = { at: clock.now(), type: 'test', level: 'info', message: 'm', fields: {} } as const
  const first = await openSqliteJournal({ file, clock })
  await first.append([record, record])
  await first.prune({ maxRecords: 0 })
  const [third] = await first.append([record])
  await first.close()
  const second = await openSqliteJournal({ file, clock })
  expect(await second.query({})).toEqual([third])
  expect(third?.id).toBe(3)
  expect((await stat(file)).mode & 0o777).toBe(0o600)
  await second.close()
})

it('is not mistaken for a store', async () => {
  const file = newFile()
  const clock = new TestClock()
  await (await openSqliteJournal({ file, clock })).close()
  const opening = openSqliteStore({ file, clock, logger: silentLogger })
  await expect(opening).rejects.toMatchObject({ code: 'FailedPrecondition' })
})
