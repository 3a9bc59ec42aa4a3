// A device's life: what is killed, full, lost or taken comes back to what was asked for, with its data.
import { setTimeout as sleep } from 'node:timers/promises'
import { databaseContract } from '@polis/hal/database'
import { PolisError } from '@polis/lib/error'
import { newUid } from '@polis/lib/uid'
import { until } from '@polis/lib/until'
import { openTestDriverHost } from '@polis/test/driver-host'
import { FarDevice } from '@polis/test/rig/far-device'
import { loadStockImages } from '@polis/test/rig/images'
import { useServer } from '@polis/test/rig/suite'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { postgresqlDriver } from './driver.ts'
import { PsqlSession } from './psql-session.ts'

const signal = (): AbortSignal => AbortSignal.timeout(90_000)
const PATIENCE = 120_000

function newSpec() {
  const uid = newUid()
  return { uid, databaseName: `db-${uid}`, roleName: `r-${uid}`, password: uid, isOpen: true }
}
type Spec = ReturnType<typeof newSpec>

test('wrong parameters are refused with their paths', async () => {
  await using host = await openTestDriverHost()
  const driver = postgresqlDriver({ dockerSocketPath: '/nowhere', stockImagesDir: '/nowhere' })
  const parameters = { memoryBytes: 1, settings: { 'a;b': '1' }, colour: 'red' }
  const open = async () => driver.open({ uid: newUid(), name: 'db', parameters }, host)
  const paths = await open().catch((error: unknown) =>
    error instanceof PolisError ? error.problems.map(({ path }) => path) : [],
  )
  expect(paths).toEqual(['parameters.memoryBytes', 'parameters.settings.a;b', 'parameters'])
})

describe('a PostgreSQL device', () => {
  const server = useServer()
  beforeAll(async () => void (await loadStockImages(server, ['postgresql'])), 300_000)

  function newDevice(parameters: Readonly<Record<string, unknown>> = {}) {
    const device = new FarDevice(server, {
      driver: 'postgresql',
      contract: databaseContract,
      parameters,
    })
    onTestFinished(async () => {
      await device.port.removeDevice({}, signal())
      await device.kill()
      expect(await listOf('ps', device)).toEqual([])
      expect(await listOf('network', device)).toEqual([])
    })
    return device
  }
  type Device = ReturnType<typeof newDevice>

  async function listOf(kind: 'ps' | 'network', device: Device): Promise<readonly string[]> {
    const label = `label=polis.installation=${device.installationUid}`
    const args = kind === 'ps' ? ['ps', '--all', '--quiet'] : ['network', 'ls', '--quiet']
    const { stdout } = await server.exec('docker', [...args, '--filter', label])
    return stdout.split('\n').filter((line) => line !== '')
  }

  const nameOf = (device: Device): string => `p-device-${device.deviceUid}`

  async function signIn(device: Device, spec: Spec): Promise<PsqlSession> {
    const found = async (): Promise<PsqlSession | undefined> => {
      const { facts } = await device.port.observeDevice({}, signal())
      return PsqlSession.open({
        enterCommand: server.enterCommand,
        address: facts['address'] ?? '',
        user: spec.roleName,
        password: spec.password,
        database: spec.databaseName,
      })
    }
    const session = await until(found, { deadlineMs: 60_000, what: 'sign in' })
    onTestFinished(() => session.close())
    return session
  }

  async function superuserSql(device: Device, sql: string): Promise<readonly string[]> {
    const args = ['exec', nameOf(device), 'psql', '-U', 'postgres', '-qAt', '-c', sql]
    return (await server.exec('docker', args)).stdout.split('\n').slice(0, -1)
  }

  async function openWithData(device: Device): Promise<Spec> {
    await device.port.ensureDevice({}, signal())
    const spec = newSpec()
    await device.port.ensureDatabase(spec, signal())
    await (await signIn(device, spec)).put('kept', 'yes')
    return spec
  }

  test(
    'comes back by itself when its server, the engine or the whole machine was killed',
    async () => {
      const device = newDevice()
      const spec = await openWithData(device)
      const format = ['inspect', '--format', '{{.State.Pid}}', nameOf(device)]
      process.kill(Number((await server.exec('docker', format)).stdout), 'SIGKILL')
      expect(await (await signIn(device, spec)).get('kept')).toBe('yes')
      await server.killDocker('SIGKILL')
      await expect(device.port.ensureDevice({}, signal())).rejects.toMatchObject({
        code: 'Unavailable',
      })
      await server.startDocker()
      expect(await (await signIn(device, spec)).get('kept')).toBe('yes')
      await device.kill()
      await server.powerOff()
      await server.powerOn()
      expect(await (await signIn(device, spec)).get('kept')).toBe('yes')
    },
    PATIENCE,
  )

  test(
    'is mended with its data when the container was removed and the password was lost',
    async () => {
      const device = newDevice()
      const spec = await openWithData(device)
      await server.exec('docker', ['rm', '--force', nameOf(device)])
      const observed = await device.port.observeDevice({}, signal())
      expect(observed).toMatchObject({ isReady: false, message: 'not installed' })
      await expect(device.port.listDatabases({}, signal())).rejects.toMatchObject({
        code: 'Unavailable',
      })
      await server.exec('rm', [`${device.dataDir}/superuser.password`])
      expect(await device.port.ensureDevice({}, signal())).toMatchObject({ isReady: true })
      expect(await (await signIn(device, spec)).get('kept')).toBe('yes')
    },
    PATIENCE,
  )

  test(
    'killed at any moment of its making, it is made in the end',
    async () => {
      const device = newDevice()
      for (const delayMs of [150, 500, 1_000, 1_800, 2_600]) {
        const making = device.port.ensureDevice({}, signal()).catch(() => undefined)
        await sleep(delayMs)
        await device.kill()
        await making
        const running = await listOf('ps', device)
        for (const id of running) await server.exec('docker', ['kill', id]).catch(() => undefined)
      }
      const spec = await openWithData(device)
      expect(await (await signIn(device, spec)).get('kept')).toBe('yes')
      expect(await listOf('ps', device)).toHaveLength(1)
      const { stdout } = await server.exec('find', [device.dataDir, '-maxdepth', '1'])
      expect(stdout).not.toContain('pgdata.new')
      const volumes = await server.exec('docker', ['volume', 'ls', '--quiet'])
      expect(volumes.stdout).toBe('')
    },
    PATIENCE,
  )

  test(
    'a database whose making was killed at any moment is made, or removed, whole',
    async () => {
      const device = newDevice()
      await device.port.ensureDevice({}, signal())
      const spec = newSpec()
      for (let delayMs = 0; delayMs < 180; delayMs += 15) {
        const making = device.port.ensureDatabase(spec, signal()).catch(() => undefined)
        await sleep(60 + delayMs)
        await device.kill()
        await making
        if (delayMs % 45 === 0) await device.port.removeDatabase({ uid: spec.uid }, signal())
      }
      await device.port.ensureDatabase(spec, signal())
      await (await signIn(device, spec)).put('a', '1')
      const { databases } = await device.port.listDatabases({}, signal())
      expect(databases).toMatchObject([{ uid: spec.uid, databaseName: spec.databaseName }])
      await device.port.removeDatabase({ uid: spec.uid }, signal())
      const roles = `SELECT rolname FROM pg_roles WHERE rolname = '${spec.roleName}'`
      expect(await superuserSql(device, roles)).toEqual([])
    },
    PATIENCE,
  )

  test(
    'a half-made database is taken on only when it is its own',
    async () => {
      const device = newDevice()
      await device.port.ensureDevice({}, signal())
      const spec = newSpec()
      const [role, database] = [`"${spec.roleName}"`, `"${spec.databaseName}"`]
      await superuserSql(device, `CREATE ROLE ${role}`)
      await superuserSql(device, `COMMENT ON ROLE ${role} IS 'polis:${spec.uid}'`)
      await superuserSql(device, `CREATE DATABASE ${database}`)
      const ensuring = device.port.ensureDatabase(spec, signal())
      await expect(ensuring).rejects.toMatchObject({ code: 'AlreadyExists' })
      await superuserSql(device, `ALTER DATABASE ${database} OWNER TO ${role}`)
      await superuserSql(device, `ALTER ROLE ${role} SUPERUSER`)
      await device.port.ensureDatabase(spec, signal())
      await (await signIn(device, spec)).put('a', '1')
      const isSuper = `SELECT rolsuper FROM pg_roles WHERE rolname = '${spec.roleName}'`
      expect(await superuserSql(device, isSuper)).toEqual(['f'])
    },
    PATIENCE,
  )

  test(
    'says that the disk is full, and goes on when there is room',
    async () => {
      const device = newDevice()
      const { dataDir } = device
      await server.exec('mkdir', ['-p', dataDir])
      await server.exec('mount', ['-t', 'tmpfs', '-o', 'size=30m', 'small', dataDir])
      onTestFinished(async () => void (await server.exec('umount', ['--lazy', dataDir])))
      await expect(device.port.ensureDevice({}, signal())).rejects.toMatchObject({
        code: 'ResourceExhausted',
        message: expect.stringContaining('the disk is full') as string,
      })
      await server.exec('mount', ['-o', 'remount,size=120m', dataDir])
      await device.port.ensureDevice({}, signal())
      const filler = `${dataDir}/filler`
      await server.exec('dd', ['if=/dev/zero', `of=${filler}`, 'bs=1M']).catch(() => undefined)
      const spec = newSpec()
      const ensuring = device.port.ensureDatabase(spec, signal())
      await expect(ensuring).rejects.toMatchObject({ code: 'ResourceExhausted' })
      await server.exec('rm', [filler])
      await device.port.ensureDevice({}, signal())
      await device.port.ensureDatabase(spec, signal())
      await (await signIn(device, spec)).put('a', '1')
    },
    PATIENCE,
  )

  test(
    'takes on new parameters without losing data',
    async () => {
      const device = newDevice({ settings: { max_connections: '23' } })
      const spec = await openWithData(device)
      expect(await superuserSql(device, 'SHOW max_connections')).toEqual(['23'])
      await device.kill()
      const again = device.withParameters({ settings: { max_connections: '24' } })
      await again.port.ensureDevice({}, signal())
      expect(await superuserSql(device, 'SHOW max_connections')).toEqual(['24'])
      await again.kill()
      expect(await (await signIn(device, spec)).get('kept')).toBe('yes')
    },
    PATIENCE,
  )

  test(
    "leaves a container of its name alone that is somebody else's",
    async () => {
      const device = newDevice()
      const args = [
        'run',
        '--detach',
        '--name',
        nameOf(device),
        'polis/postgresql:15',
        'sleep',
        '99',
      ]
      const { stdout } = await server.exec('docker', args)
      onTestFinished(async () => void (await server.exec('docker', ['rm', '-f', stdout.trim()])))
      await expect(device.port.ensureDevice({}, signal())).rejects.toMatchObject({
        code: 'AlreadyExists',
      })
      await device.port.removeDevice({}, signal())
      const state = ['inspect', '--format', '{{.State.Running}}', stdout.trim()]
      expect((await server.exec('docker', state)).stdout.trim()).toBe('true')
    },
    PATIENCE,
  )
})
