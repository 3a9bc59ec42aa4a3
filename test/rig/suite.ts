import { afterAll, beforeAll } from 'vitest'
import { RigServer, type RigServerOptions } from './server.ts'

const HOOK_MS = 90_000

/** Servers for the tests of this file (or `describe`), started together; removed, and proven removed, after them. */
export function useServers(count: number, options: RigServerOptions = {}): readonly RigServer[] {
  const servers = Array.from({ length: count }, () => new RigServer(options))
  beforeAll(async () => {
    await Promise.all(servers.map((server) => server.start()))
  }, HOOK_MS)
  afterAll(async () => {
    const ends = await Promise.allSettled(servers.map((server) => server.stop()))
    for (const end of ends) if (end.status === 'rejected') throw end.reason
    for (const server of servers) await server.assertClean()
  }, HOOK_MS)
  return servers
}

/** One server for the tests of this file (or `describe`). */
export function useServer(options: RigServerOptions = {}): RigServer {
  const [server] = useServers(1, options)
  if (server === undefined) throw new Error('unreachable: one server was asked for')
  return server
}
