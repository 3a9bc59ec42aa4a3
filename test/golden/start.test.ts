// As a new user would: `npm start` on a fresh clone, in a server of its own with no engine running.
import { readFileSync } from 'node:fs'
import { cp, mkdir } from 'node:fs/promises'
import { connect } from 'node:net'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { run } from '@polis/lib/run'
import { until } from '@polis/lib/until'
import { beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { useServer } from '../rig/suite.ts'

const ROOT = join(import.meta.dirname, '../..')
const MINUTE = 60_000
const POLIS = '/run/bin/polis'

/** What a clone of the tree as it is now would hold. */
async function cloneTo(folder: string): Promise<void> {
  const args = ['ls-files', '--cached', '--others', '--exclude-standard', '-z']
  const { stdout } = await run('git', args, { cwd: ROOT, signal: AbortSignal.timeout(MINUTE) })
  for (const file of stdout.split('\0').filter((name) => name !== '')) {
    await mkdir(dirname(join(folder, file)), { recursive: true })
    // A file may be deleted and not yet committed as such.
    await cp(join(ROOT, file), join(folder, file)).catch(() => undefined)
  }
}

const Supervised = z.looseObject({
  services: z.array(z.looseObject({ name: z.string(), pid: z.number().optional() })),
})

describe('npm start on a fresh clone', () => {
  const server = useServer({ hasDocker: false })
  const env = {
    HOME: '/run/home',
    npm_config_userconfig: join(homedir(), '.npmrc'),
    npm_config_cache: join(homedir(), '.npm'),
  }
  let clone = ''
  let words = ''
  let firstMs = 0

  const start = async (): Promise<string> => {
    const args = ['--prefix', clone, 'start', '--', '--bin-dir', '/run/bin']
    const signal = AbortSignal.timeout(10 * MINUTE)
    return (await server.exec('npm', args, { env, signal })).stdout
  }
  const polis = async (...args: readonly string[]): Promise<string> =>
    (await server.exec(POLIS, args, { env, signal: AbortSignal.timeout(2 * MINUTE) })).stdout

  const visit = async (): Promise<number> => {
    const args = ['-s', '-f', '-m', '5', '-H', 'Host: welcome.localhost', 'http://127.0.0.1/']
    const { stdout } = await server.exec('curl', args)
    return Number(/<strong>(?<count>\d+)/.exec(stdout)?.groups?.['count'])
  }
  const untilCounted = async (): Promise<number> =>
    until(
      async () => {
        const count = await visit()
        return count > 0 ? count : undefined
      },
      { deadlineMs: MINUTE, everyMs: 250, what: 'the page counts' },
    )
  const pidOf = (name: string): number => {
    const text = readFileSync(server.path('/var/lib/polis/run/supervisor.json'), 'utf8')
    const found = Supervised.parse(JSON.parse(text)).services.find((each) => each.name === name)
    if (found?.pid === undefined) throw new Error(`${name} does not run`)
    return found.pid
  }

  beforeAll(async () => {
    clone = join(server.folder, 'clone')
    await cloneTo(clone)
    const startedMs = performance.now()
    words = await start()
    firstMs = performance.now() - startedMs
  }, 12 * MINUTE)

  it('ends with the welcome page counting, within five minutes', async () => {
    expect(firstMs).toBeLessThan(5 * MINUTE)
    expect(words).toMatch(/Polis {5}http:\/\/127\.0\.0\.1:4750\/sign-in\?token=\S+/)
    expect(words).toContain('welcome   http://welcome.localhost')
    expect(words).toMatch(/ssh -L 4750:127\.0\.0\.1:4750 \S+@\S+/)
    const first = await visit()
    expect(await visit()).toBe(first + 1)
  })

  it('signed the shell in, which finds nothing wrong', async () => {
    const Status = z.looseObject({ url: z.string(), nodes: z.array(z.unknown()) })
    const status = Status.parse(JSON.parse(await polis('status', '-o', 'json')))
    expect(status.nodes).toHaveLength(1)
    expect(await polis('doctor')).not.toMatch(/^(?:error|problem)/m)
  })

  it(
    'starts again within ten seconds, and changes nothing',
    async () => {
      const before = [pidOf('server'), pidOf('agent'), pidOf('dockerd')]
      const startedMs = performance.now()
      await start()
      expect(performance.now() - startedMs).toBeLessThan(10_000)
      expect([pidOf('server'), pidOf('agent'), pidOf('dockerd')]).toEqual(before)
    },
    MINUTE,
  )

  it(
    'opens 80 and 443 to the outside and nothing else',
    async () => {
      const open: number[] = []
      const tryPort = (port: number): Promise<void> =>
        new Promise((resolve) => {
          const socket = connect({ host: server.address, port, timeout: 1000 })
          socket.once('connect', () => open.push(port))
          for (const event of ['connect', 'error', 'timeout'] as const) {
            socket.once(event, () => {
              socket.destroy()
              resolve()
            })
          }
        })
      for (let first = 1; first <= 65_535; first += 1000) {
        const ports = Array.from({ length: Math.min(1000, 65_536 - first) }, (_, n) => first + n)
        await Promise.all(ports.map(tryPort))
      }
      expect(open.toSorted((a, b) => a - b)).toEqual([80, 443])
    },
    2 * MINUTE,
  )

  it.each(['server', 'agent', 'dockerd'])(
    'counts on after kill -9 of %s',
    async (name) => {
      const before = await untilCounted()
      const pid = pidOf(name)
      process.kill(pid, 'SIGKILL')
      await until(() => pidOf(name) !== pid, { deadlineMs: MINUTE, what: `${name} runs again` })
      expect(await untilCounted()).toBeGreaterThan(before)
    },
    3 * MINUTE,
  )

  it(
    'goes down and leaves workloads running, comes up again, and goes without a trace',
    async () => {
      const before = await untilCounted()
      await polis('down')
      expect(await visit()).toBe(before + 1)
      await start()
      expect(await untilCounted()).toBe(before + 2)
      expect(await polis('uninstall')).toContain('keep    /var/lib/polis')
      expect(await visit()).toBe(before + 3)
      await polis('uninstall', '--yes', '--delete-data', 'polis')
      const { stdout } = await server.exec('find', ['/var/lib/polis', '/etc/polis', '/run/polis'])
      expect(stdout.split('\n').filter((path) => path !== '')).toEqual([
        '/var/lib/polis',
        '/etc/polis',
        '/run/polis',
      ])
      const mounts = (await server.exec('cat', ['/proc/self/mounts'])).stdout
      expect(mounts).not.toContain(' /run/polis/')
      expect((await server.exec('nft', ['list', 'tables'])).stdout).not.toContain('polis')
      await expect(visit()).rejects.toThrow('failed')
    },
    5 * MINUTE,
  )
})
