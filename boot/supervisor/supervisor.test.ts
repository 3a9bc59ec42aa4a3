// The real supervisor, in a process of its own, killed in every way.
import { spawn } from 'node:child_process'
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until } from '@polis/lib/until'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { findJson, replaceFile } from '../files.ts'
import { homeAt, type Home, makeHome } from '../home.ts'
import type { Service } from '../services/service.ts'
import { SupervisedServices } from '../services/supervised-services.ts'
import { findIncarnation, type Incarnation, isRunning } from './incarnation.ts'
import { statusPath, SupervisorStatus } from './supervisor.ts'

const ENTRY = join(import.meta.dirname, '../supervise.ts')
const LIMIT = { deadlineMs: 10_000, everyMs: 20 } as const
const signal = (): AbortSignal => AbortSignal.timeout(30_000)

let home: Home
let runner: SupervisedServices

beforeEach(() => {
  home = homeAt(mkdtempSync(join(tmpdir(), 'polis-supervisor-')))
  makeHome(home)
  const env = { PATH: process.env['PATH'] ?? '', POLIS_TEST: home.root }
  runner = new SupervisedServices({ home, command: [process.execPath, ENTRY], env })
})

afterEach(async () => {
  for (const pid of ownPids()) process.kill(pid, 'SIGKILL')
  await until(() => ownPids().length === 0, { ...LIMIT, what: 'nothing of the test runs' })
  rmSync(home.root, { recursive: true, force: true })
})

/** Everything that a test started, the supervisor too. */
function ownPids(name?: string): readonly number[] {
  return readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid) && Number(pid) !== process.pid)
    .map(Number)
    .filter((pid) => {
      try {
        const env = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')
        const isOwn = env.includes(`POLIS_TEST=${home.root}`)
        const isNamed = name === undefined || env.includes(`POLIS_TEST_SERVICE=${name}`)
        return isOwn && isNamed && findIncarnation(pid) !== undefined
      } catch {
        return false
      }
    })
}

function service(name: string, changes: Partial<Service> = {}): Service {
  return {
    name,
    description: name,
    program: process.execPath,
    args: ['-e', 'setInterval(() => undefined, 1e6)'],
    env: { POLIS_TEST: home.root, POLIS_TEST_SERVICE: name },
    restartsOnChange: true,
    stopTimeoutMs: 2000,
    stalePidFiles: [],
    build: '1',
    ...changes,
  }
}

const supervisor = (): Incarnation => {
  const found = findJson(statusPath(home.runDir), SupervisorStatus)?.incarnation
  if (found === undefined) throw new Error('no supervisor')
  return found
}

async function onlyPid(name: string, unlike?: number): Promise<number> {
  return until(
    () => {
      const [pid, second] = ownPids(name)
      return second === undefined && pid !== unlike ? pid : undefined
    },
    { ...LIMIT, what: `one ${name} runs` },
  )
}

async function kill(pid: number): Promise<void> {
  process.kill(pid, 'SIGKILL')
  await until(() => findIncarnation(pid) === undefined, { ...LIMIT, what: `${pid} is gone` })
}

describe('the supervisor', () => {
  it('starts services, and starts again what was killed; others do not notice', async () => {
    await runner.ensure([service('server'), service('agent')], signal())
    const [server, agent] = [await onlyPid('server'), await onlyPid('agent')]
    await kill(server)
    const second = await onlyPid('server', server)
    await kill(second)
    await onlyPid('server', second)
    expect(await onlyPid('agent')).toBe(agent)
    const isTold = async (): Promise<boolean> =>
      (await runner.list()).some(({ name, restarts }) => name === 'server' && restarts === 2)
    await until(isTold, { ...LIMIT, what: 'two restarts are told' })
  })

  it('is there once, however often it is asked for', async () => {
    await runner.ensure([service('server')], signal())
    const server = await onlyPid('server')
    const before = supervisor()
    await runner.ensure([service('server')], signal())
    const env = { ...process.env, POLIS_HOME: home.root }
    const second = spawn(process.execPath, [ENTRY], { env })
    const code = await new Promise((resolve) => second.once('exit', resolve))
    expect(code).toBe(0)
    expect(supervisor()).toEqual(before)
    expect(await onlyPid('server')).toBe(server)
  })

  it('that was killed leaves services running, and the next one adopts them', async () => {
    const list = [service('server'), service('agent')]
    await runner.ensure(list, signal())
    const [server, agent] = [await onlyPid('server'), await onlyPid('agent')]
    const killed = supervisor()
    await kill(killed.pid)
    expect([await onlyPid('server'), await onlyPid('agent')]).toEqual([server, agent])
    await runner.ensure(list, signal())
    expect(supervisor()).not.toEqual(killed)
    expect([await onlyPid('server'), await onlyPid('agent')]).toEqual([server, agent])
    await kill(server)
    expect(await onlyPid('server', server)).not.toBe(server)
  })

  it('adopts what one killed in the midst of a start left, and not its children', async () => {
    const child = `require('node:child_process').spawn(process.execPath, ['-e', 'setInterval(() => undefined, 1e6)'])`
    const parent = `${child}; setInterval(() => undefined, 1e6)`
    const list = [service('server', { args: ['-e', parent] })]
    await runner.ensure(list, signal())
    await until(() => ownPids('server').length === 2, { ...LIMIT, what: 'a child runs' })
    const pids = ownPids('server')
    await kill(supervisor().pid)
    const recordPath = join(home.runDir, 'service-server.json')
    const { incarnation, ...record } = z
      .looseObject({ incarnation: z.unknown() })
      .parse(JSON.parse(readFileSync(recordPath, 'utf8')))
    replaceFile(recordPath, JSON.stringify(record))
    await runner.ensure(list, signal())
    expect(ownPids('server')).toEqual(pids)
    expect(JSON.parse(readFileSync(recordPath, 'utf8'))).toMatchObject({ incarnation })
  })

  it('does not take a stranger for its own when a pid was given again', async () => {
    await runner.ensure([service('server')], signal())
    const server = await onlyPid('server')
    await kill(supervisor().pid)
    await kill(server)
    const recordPath = join(home.runDir, 'service-server.json')
    const text = readFileSync(recordPath, 'utf8').replace(`"pid":${server}`, `"pid":${process.pid}`)
    replaceFile(recordPath, text)
    await runner.ensure([service('server')], signal())
    expect(await onlyPid('server')).not.toBe(process.pid)
    await runner.ensure([], signal())
    expect(ownPids('server')).toEqual([])
  })

  it('starts anew what changed, but no engine, and ends what is not asked for', async () => {
    const engine = service('dockerd', { restartsOnChange: false })
    await runner.ensure([engine, service('server')], signal())
    const [dockerd, server] = [await onlyPid('dockerd'), await onlyPid('server')]
    const list = [{ ...engine, build: '2' }, service('server', { build: '2' })]
    await runner.ensure(list, signal())
    await onlyPid('server', server)
    expect(await onlyPid('dockerd')).toBe(dockerd)
    await runner.ensure([engine], signal())
    expect(ownPids('server')).toEqual([])
    await runner.leave(signal())
    await runner.leave(signal())
    expect(await onlyPid('dockerd')).toBe(dockerd)
    expect(await runner.list()).toEqual([])
    expect(ownPids()).toEqual([dockerd])
  })

  it('ends one that was left, also one that does not listen', async () => {
    const deaf = `process.on('SIGTERM', () => undefined); setInterval(() => undefined, 1e6)`
    const list = [service('server', { args: ['-e', deaf], stopTimeoutMs: 200 })]
    await runner.ensure(list, signal())
    const server = await onlyPid('server')
    await kill(supervisor().pid)
    await runner.ensure([], signal())
    expect(findIncarnation(server)).toBeUndefined()
  })

  it('waits longer and longer for one that does not stay, and says what it said', async () => {
    const list = [
      service('broken', { args: ['-e', 'console.error("no such key"); process.exit(3)'] }),
      service('absent', { program: '/nowhere/program' }),
    ]
    await runner.ensure(list, signal())
    const restarts = async (): Promise<readonly number[]> =>
      (await runner.list()).map((each) => each.restarts)
    const isTried = async (): Promise<boolean> => (await restarts()).every((n) => n >= 2)
    await until(isTried, { ...LIMIT, what: 'both are tried again' })
    expect(readFileSync(join(home.logsDir, 'broken.log'), 'utf8')).toContain('no such key')
    expect(isRunning(supervisor())).toBe(true)
    // 200, 400, 800, … ms, half of that at least: not one after the other.
    expect(Math.max(...(await restarts()))).toBeLessThan(10)
  })

  it('takes a stale pid file away, and leaves one that a running program wrote', async () => {
    const [stale, held] = [join(home.root, 'stale.pid'), join(home.root, 'held.pid')]
    await runner.ensure([service('other')], signal())
    writeFileSync(stale, '4194304')
    writeFileSync(held, String(await onlyPid('other')))
    const list = [service('other'), service('server', { stalePidFiles: [stale, held] })]
    await runner.ensure(list, signal())
    expect([existsSync(stale), existsSync(held)]).toEqual([false, true])
  })

  it('keeps logs small while they are written, and all of it private', async () => {
    // As if it had been written before: the real limit is too much to write in a test.
    writeFileSync(join(home.logsDir, 'server.log'), Buffer.alloc(11 * 1024 * 1024, 'x'), {
      mode: 0o600,
    })
    const words = `setInterval(() => console.log('hello'), 20)`
    await runner.ensure([service('server', { args: ['-e', words] })], signal())
    const log = join(home.logsDir, 'server.log')
    const isCut = (): boolean =>
      existsSync(`${log}.1`) && readFileSync(log, 'utf8').startsWith('hello')
    await until(isCut, { ...LIMIT, what: 'the log is rotated' })
    expect(statSync(log).size).toBeLessThan(1024 * 1024)
    expect(statSync(log).mode & 0o077).toBe(0)
  })
})
