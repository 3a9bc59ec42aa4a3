import { Channel } from '@polis/lib/channel'
import { expect, test } from 'vitest'
import { bounded } from './bounded.ts'

const forever = new AbortController().signal

test('items come in order and to the end', async () => {
  const channel = new Channel<number>()
  for (const n of [1, 2, 3]) channel.push(n)
  channel.end()
  const seen: number[] = []
  for await (const n of bounded(channel.read(forever), 2)) seen.push(n)
  expect(seen).toEqual([1, 2, 3])
})

test('a failure of the source comes after what was there before it', async () => {
  const channel = new Channel<number>()
  const items = bounded(channel.read(forever), 10)
  channel.push(1)
  channel.fail(new Error('gone'))
  expect(await items.next()).toEqual({ done: false, value: 1 })
  await expect(items.next()).rejects.toThrow('gone')
})

test('a reader that falls too far behind is sent away', async () => {
  const channel = new Channel<number>()
  const items = bounded(channel.read(forever), 10)
  channel.push(0)
  await items.next()
  for (let n = 1; n <= 50; n += 1) channel.push(n)
  await new Promise((resolve) => setImmediate(resolve))
  await expect(items.next()).rejects.toMatchObject({ code: 'Aborted' })
})
