// `polis up` on a host that has a life already: its Docker, its containers, its web server.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from '@polis/lib/run'
import { until } from '@polis/lib/until'
import { beforeAll, describe, expect, it } from 'vitest'
import { loadStockImages } from '../rig/images.ts'
import type { RigServer } from '../rig/server.ts'
import { useServer } from '../rig/suite.ts'

const ROOT = join(import.meta.dirname, '../..')
const MINUTE = 60_000
const LISTEN = `require('node:net').createServer().listen(80, '0.0.0.0')`

async function polis(server: RigServer, ...args: readonly string[]): Promise<string> {
  const command = [join(ROOT, 'dist/polis.js'), ...args]
  const signal = AbortSignal.timeout(3 * MINUTE)
  const env = { HOME: '/run/home' }
  return (await server.exec(process.execPath, command, { env, signal })).stdout
}

beforeAll(async () => {
  const signal = AbortSignal.timeout(MINUTE)
  await run(process.execPath, [join(ROOT, 'boot/build.ts')], { signal })
}, MINUTE)

describe('a host with Docker, containers and a web server', () => {
  const server = useServer()
  const docker = async (...args: readonly string[]): Promise<string> =>
    (await server.exec('docker', args)).stdout.trim()

  it(
    'keeps them, and is told who has the port and which is used instead',
    async () => {
      await loadStockImages(server, ['debian'])
      await docker('run', '--detach', '--name=kept', 'polis/debian:12', 'sleep', 'infinity')
      const state = '{{.Id}} {{.State.StartedAt}} {{.State.Running}}'
      const before = await docker('inspect', `--format=${state}`, 'kept')
      const web = server.spawn(process.execPath, ['-e', LISTEN])
      const taken = `(pid ${web.pid})`
      const isThere = async (): Promise<boolean> =>
        (await server.exec('ss', ['-Hltn', 'sport = :80'])).stdout !== ''
      await until(isThere, { deadlineMs: 10_000, what: 'something listens on port 80' })
      const { dockerdPid } = server
      const words = await polis(server, 'up', '--no-welcome', '--bin-dir', '/run/bin')
      expect(words).toContain('as it is on this host')
      expect(words).toMatch(/Port 80 is taken by \S+ \(pid \d+\): using 8080/)
      expect(words).toContain(taken)
      expect(await docker('inspect', `--format=${state}`, 'kept')).toBe(before)
      await polis(server, 'uninstall', '--yes', '--delete-data', 'polis')
      expect(await docker('inspect', `--format=${state}`, 'kept')).toBe(before)
      expect(server.dockerdPid).toBe(dockerdPid)
      expect(existsSync(`/proc/${dockerdPid}`)).toBe(true)
      expect(web.isRunning).toBe(true)
      await web.end()
    },
    5 * MINUTE,
  )
})

describe('a host whose Docker is set to live-restore', () => {
  const server = useServer({ dockerdArgs: ['--live-restore'] })

  it(
    'is refused with what to do, before anything is started',
    async () => {
      const refused = await polis(server, 'up', '--bin-dir', '/run/bin').catch(String)
      expect(refused).toContain('live-restore')
      expect(refused).toContain('/etc/docker/daemon.json')
      const list = server.path('/var/lib/polis/run/services.json')
      expect(existsSync(list) ? readFileSync(list, 'utf8') : '').not.toContain('dist/server.js')
    },
    MINUTE,
  )
})
