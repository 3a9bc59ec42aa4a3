import { expect, test } from 'vitest'
import { Channel } from './channel.ts'

async function readAll(channel: Channel<number>): Promise<number[]> {
  const items: number[] = []
  for await (const item of channel.read(new AbortController().signal)) items.push(item)
  return items
}

test('what was pushed before the end is read, what comes after it is not', async () => {
  const channel = new Channel<number>()
  channel.push(1)
  channel.push(2)
  channel.end()
  channel.push(3)
  expect(await readAll(channel)).toEqual([1, 2])
})

test('a reader that waits is woken by an item and by a failure', async () => {
  const channel = new Channel<number>()
  const reading = channel.read(new AbortController().signal)
  const first = reading.next()
  channel.push(7)
  expect(await first).toEqual({ done: false, value: 7 })
  const second = reading.next()
  channel.fail(new Error('engine gone'))
  await expect(second).rejects.toThrow('engine gone')
})

test('an abort ends a waiting reader with its reason', async () => {
  const abort = new AbortController()
  const next = new Channel<number>().read(abort.signal).next()
  abort.abort(new Error('enough'))
  await expect(next).rejects.toThrow('enough')
})
