import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { silentLogger } from '@polis/lib/logger'
import { TestClock } from '@polis/lib/test-clock'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { readAll } from './conformance-lists.ts'
import { openSqliteStore } from './sqlite-store.ts'

let folder: string
let writer: ChildProcess | undefined
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'polis-store-'))
})
afterEach(async () => {
  writer?.kill('SIGKILL')
  await rm(folder, { recursive: true })
})

/** Lets a program write to `file` until it has acknowledged so many pairs, then kills it in the middle of more. */
async function writeAndKill(
  file: string,
  run: string,
  acknowledgements: number,
): Promise<Set<string>> {
  const program = join(import.meta.dirname, 'testdata', 'pair-writer.ts')
  writer = spawn(process.execPath, [program, file, run], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(writer, 'exit')
  const acknowledged = new Set<string>()
  if (writer.stdout === null) throw new Error('the writer has no output')
  for await (const line of createInterface(writer.stdout)) {
    if (line.endsWith('.')) acknowledged.add(line.slice(0, -1))
    // Lines already on their way are read to the end: they were acknowledged too.
    if (acknowledged.size === acknowledgements) writer.kill('SIGKILL')
  }
  expect(await exited).toEqual([null, 'SIGKILL'])
  return acknowledged
}

it(
  'keeps all that was acknowledged and nothing by halves when killed',
  { timeout: 60_000 },
  async () => {
    const file = join(folder, 'store.db')
    const acknowledged = new Set<string>()
    for (const [run, count] of [1, 40, 333, 1500, 4000].entries()) {
      for (const pair of await writeAndKill(file, String(run), count)) acknowledged.add(pair)
      const store = await openSqliteStore({ file, clock: new TestClock(), logger: silentLogger })
      const { entries, revision } = await readAll(store, 'pair/', 1000)
      await store.close()
      const keys = new Set(entries.map(({ key }) => key))
      const pairs = new Set([...keys].map((key) => key.slice(0, -'/x'.length)))
      expect([...pairs].filter((pair) => !keys.has(`${pair}/a`) || !keys.has(`${pair}/b`))).toEqual(
        [],
      )
      expect([...acknowledged].filter((pair) => !pairs.has(pair))).toEqual([])
      expect(revision).toBe(pairs.size)
    }
  },
)
