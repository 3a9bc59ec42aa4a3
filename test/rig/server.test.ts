import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { createServer, get } from 'node:http'
import { run } from '@polis/lib/run'
import { until } from '@polis/lib/until'
import { describe, expect, it } from 'vitest'
import { folderOf, sweepAbandoned } from './cleanup.ts'
import { missingPackages, requireEngines } from './engines.ts'
import { RigServer } from './server.ts'
import { useServer, useServers } from './suite.ts'

const signal = (): AbortSignal => AbortSignal.timeout(60_000)

function statusOf(url: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const asked = get(url, { agent: false, timeout: 1000 }, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
    asked.on('timeout', () => asked.destroy(new Error('no answer')))
    asked.on('error', reject)
  })
}

const WEB = `require('node:http').createServer((q, r) => r.end(q.socket.remoteAddress)).listen(8080)`

describe('a server with engines', () => {
  const server = useServer()

  it('has a dockerd and a containerd of its own, in their usual places', async () => {
    const format = '{{.Name}} {{.CgroupDriver}} {{.DockerRootDir}}'
    const { stdout } = await server.exec('docker', ['info', '--format', format])
    expect(stdout.trim()).toBe(`${server.name} cgroupfs /var/lib/docker`)
    await server.exec('ctr', ['version'])
    expect(existsSync(server.path('/run/docker.pid'))).toBe(true)
  })

  it('comes back after its dockerd was killed, and with its disks after a power cut', async () => {
    await server.exec('docker', ['volume', 'create', 'kept'])
    await server.killDocker('SIGKILL')
    await server.startDocker()
    await server.restartDocker()
    const { address } = server
    await server.powerOff()
    await server.powerOn()
    expect(server.address).toBe(address)
    const { stdout } = await server.exec('docker', ['volume', 'ls', '--format', '{{.Name}}'])
    expect(stdout.trim()).toBe('kept')
  }, 60_000)
})

describe('servers without engines', () => {
  const servers = useServers(2, { hasDocker: false })
  const [first, second] = servers
  if (first === undefined || second === undefined) throw new Error('two servers were asked for')

  it('keep what is written to /etc, /var and /run to themselves', async () => {
    await first.exec('touch', ['/etc/polis-test', '/var/polis-test', '/run/polis-test'])
    expect(existsSync(first.path('/run/polis-test'))).toBe(true)
    for (const folder of ['/etc', '/var', '/run']) {
      expect(existsSync(`${folder}/polis-test`)).toBe(false)
      expect(existsSync(second.path(`${folder}/polis-test`))).toBe(false)
    }
  })

  it('are reached from the outside and from each other, unless unplugged', async () => {
    const web = first.spawn(process.execPath, ['-e', WEB])
    const url = `http://${first.address}:8080`
    await until(async () => (await statusOf(url)) === 200, { deadlineMs: 5000, what: 'web' })
    const seen = await first.exec('curl', ['-sS', url])
    expect(seen.stdout).toContain(first.address)
    const other = await second.exec('curl', ['-sS', url])
    expect(other.stdout).toContain(second.address)
    await first.unplug()
    await expect(statusOf(url)).rejects.toThrow('no answer')
    await first.plug()
    await until(async () => (await statusOf(url)) === 200, { deadlineMs: 5000, what: 'web again' })
    await web.end('SIGTERM')
    expect(web.isRunning).toBe(false)
  }, 20_000)

  it('reach the machine', async () => {
    const local = createServer((_request, response) => response.end('outside')).listen(0)
    await once(local, 'listening')
    const bound = local.address()
    const port = typeof bound === 'object' ? bound?.port : undefined
    try {
      const { stdout } = await first.exec('curl', ['-sS', `http://${first.hostAddress}:${port}`])
      expect(stdout).toBe('outside')
    } finally {
      local.close()
    }
  })

  it('run programs under the pid that both sides see', async () => {
    const program = second.spawn('sleep', ['1000'])
    await until(() => readFileSync(`/proc/${program.pid}/comm`, 'utf8') === 'sleep\n', {
      deadlineMs: 5000,
      what: 'sleep runs',
    })
    const { stdout } = await second.exec('cat', [`/proc/${program.pid}/comm`])
    expect(stdout).toBe('sleep\n')
    await second.powerOff()
    await expect(statusOf(`http://${second.address}`)).rejects.toThrow('EHOSTUNREACH')
    await expect(program.ended).resolves.toEqual({ code: null, signal: 'SIGKILL' })
    await second.powerOn()
  })

  it('show their own network devices in /sys', async () => {
    const { stdout } = await second.exec('ls', ['/sys/class/net'])
    expect(stdout.split('\n').filter((name) => name !== '')).toContain('eth0')
    expect(stdout).not.toContain('polis')
    expect(
      existsSync(second.path('/sys/fs/cgroup/memory')) || existsSync('/sys/fs/cgroup/cgroup.procs'),
    ).toBe(true)
  })
})

describe('what is left', () => {
  it('is told by assertClean while there is something', async () => {
    const server = new RigServer({ hasDocker: false })
    await server.start()
    try {
      const told = server.assertClean()
      await expect(told).rejects.toThrow(/process \d+: sleep infinity/)
      await expect(told).rejects.toThrow(`network namespace ${server.name}`)
      await expect(told).rejects.toThrow('iptables rule')
      await expect(told).rejects.toThrow(`folder ${server.folder}`)
    } finally {
      await server.stop()
    }
    await server.assertClean()
  })

  it('is nothing after a start that failed', async () => {
    const server = new RigServer({ dockerdArgs: ['--no-such-flag'] })
    await expect(server.start()).rejects.toThrow('no-such-flag')
    await server.assertClean()
  })

  it('of a killed test run is taken away by the next', async () => {
    const script = `
      import { RigServer } from '${import.meta.dirname}/server.ts'
      const server = new RigServer({ hasDocker: false })
      await server.start()
      process.stdout.write(server.name)
      process.kill(process.pid, 'SIGKILL')`
    const args = ['--input-type=module-typescript', '--eval', script]
    const { stdout: name } = spawnSync(process.execPath, args, { encoding: 'utf8' })
    expect(name).toMatch(/^polis-/)
    expect(existsSync(folderOf(name))).toBe(true)
    await sweepAbandoned(signal())
    expect(existsSync(folderOf(name))).toBe(false)
    expect(existsSync(`/run/netns/${name}`)).toBe(false)
    const { stdout } = await run('ps', ['axe', '-o', 'args'], { signal: signal() })
    expect(stdout).not.toContain(name)
  }, 30_000)
})

describe('requireEngines', () => {
  it('names the Debian package of a program that is missing', () => {
    const before = process.env['PATH']
    process.env['PATH'] = '/nowhere'
    try {
      expect(missingPackages(['psql', 'docker'])).toEqual(['postgresql-client', 'docker.io'])
      expect(() => requireEngines(['docker'])).toThrow('need the Debian packages docker.io')
    } finally {
      process.env['PATH'] = before
    }
  })
})
