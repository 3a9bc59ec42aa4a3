import { createServer, type Server } from 'node:net'
import { once } from 'node:events'
import { expect, onTestFinished, test } from 'vitest'
import { findForeignOwners } from './port-owners.ts'

async function listen(address: string): Promise<number> {
  const server: Server = createServer()
  server.listen(0, address)
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const bound = server.address()
  if (bound === null || typeof bound === 'string') throw new Error('no port')
  return bound.port
}

test('a listener stands in the way of its own address and of every address', async () => {
  const port = await listen('127.0.0.1')
  const owners = async (address: string) =>
    (await findForeignOwners([{ address, port }], 'none')).map(({ owner }) => owner)
  expect(await owners('127.0.0.1')).toEqual([expect.stringContaining(`(pid ${process.pid})`)])
  expect(await owners('0.0.0.0')).toHaveLength(1)
  expect(await owners('127.0.0.2')).toEqual([])
  expect(await findForeignOwners([{ address: '127.0.0.1', port }], process.argv[1] ?? '')).toEqual(
    [],
  )
})

test('a listener on every address of IPv6 stands in the way of IPv4 too', async () => {
  const port = await listen('::')
  expect(await findForeignOwners([{ address: '127.0.0.1', port }], 'none')).toHaveLength(1)
  const six = await listen('::1')
  expect(await findForeignOwners([{ address: '::1', port: six }], 'none')).toHaveLength(1)
  expect(await findForeignOwners([{ address: '127.0.0.1', port: six }], 'none')).toEqual([])
})
