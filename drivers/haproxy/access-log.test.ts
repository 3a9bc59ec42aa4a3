import { mkdtemp, open, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { rotateAccessLog } from './access-log.ts'

test('a full log is set aside while its writer goes on', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'polis-log-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const path = join(folder, 'access.log')
  await rotateAccessLog(path, 10)
  await using writer = await open(path, 'a')
  await writer.write('short\n')
  await rotateAccessLog(path, 10)
  expect(await readFile(path, 'utf8')).toBe('short\n')
  await writer.write('and longer\n')
  await rotateAccessLog(path, 10)
  await writer.write('after\n')
  expect(await readFile(`${path}.1`, 'utf8')).toBe('short\nand longer\n')
  expect(await readFile(path, 'utf8')).toBe('after\n')
})
