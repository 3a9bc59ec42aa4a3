import { existsSync } from 'node:fs'
import { registryContract } from '@polis/hal/registry'
import { registryConformance } from '@polis/hal/registry/conformance'
import { until } from '@polis/lib/until'
import { FarDevice } from '@polis/test/rig/far-device'
import { loadStockImages } from '@polis/test/rig/images'
import { useServer } from '@polis/test/rig/suite'
import { TestAuthority } from '@polis/test/test-authority'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { TestEngine } from './test-registry.ts'

const signal = (): AbortSignal => AbortSignal.timeout(60_000)
const PATIENCE = 90_000

describe('a registry in a container', () => {
  const server = useServer()
  const engine = (): TestEngine => new TestEngine(server.dockerSocketPath)
  beforeAll(async () => void (await loadStockImages(server, ['registry'])), 300_000)

  function newDevice(authority: TestAuthority, parameters: Readonly<Record<string, unknown>> = {}) {
    return new FarDevice(server, {
      driver: 'oci-registry',
      contract: registryContract,
      parameters,
      issueCertificate: (names) => authority.issue(names),
    })
  }
  type Device = ReturnType<typeof newDevice>

  /** What curl gets, with the arguments that make it a stranger. */
  async function statusOf(url: string, args: readonly string[] = []): Promise<string> {
    const all = ['--silent', '--insecure', '--output', '/dev/null', '--write-out', '%{http_code}']
    const asked = server.exec('curl', [...all, ...args, url])
    return asked.then(({ stdout }) => stdout).catch(() => 'refused')
  }

  const urlOf = (reference: string): string => {
    const { address, repository, digest } =
      /^(?<address>[^/]+)\/(?<repository>[^@]+)@(?<digest>.+)$/.exec(reference)?.groups ?? {}
    return `https://${address}/v2/${repository}/manifests/${digest}`
  }

  async function openDevice(
    authority: TestAuthority,
    parameters: Readonly<Record<string, unknown>> = {},
  ): Promise<Device> {
    const device = newDevice(authority, parameters)
    onTestFinished(async () => {
      await device.port.removeDevice({}, signal())
      await device.kill()
      const label = `label=polis.installation=${device.installationUid}`
      const left = ['ps', '--all', '--quiet', '--filter', label]
      expect((await server.exec('docker', left)).stdout).toBe('')
      expect((await server.exec('find', ['/etc/docker/certs.d', '-mindepth', '1'])).stdout).toBe('')
    })
    await device.port.ensureDevice({}, signal())
    return device
  }

  describe('exam', () => {
    registryConformance(async () => {
      const authority = await TestAuthority.open()
      const stranger = await (await TestAuthority.open()).issue(['stranger.example'])
      const device = newDevice(authority, { port: 5001 })
      const [cert, key] = ['/run/stranger.crt', '/run/stranger.key']
      await server.exec('tee', [cert], { input: stranger.certificatePem })
      await server.exec('tee', [key], { input: stranger.privateKeyPem })
      return {
        port: device.port,
        addImage: () => engine().addImage(),
        missingImageId: `sha256:${'0'.repeat(64)}`,
        pull: (reference) => engine().fetch(reference),
        canReadAnonymously: async (reference) => {
          const url = urlOf(reference)
          const withStrange = await statusOf(url, ['--cert', cert, '--key', key])
          return [await statusOf(url), withStrange].some((status) => status === '200')
        },
        takesRoom: async (reference) => {
          const hex = reference.slice(-64)
          const blobs = `${device.dataDir}/images/docker/registry/v2/blobs/sha256`
          return existsSync(server.path(`${blobs}/${hex.slice(0, 2)}/${hex}/data`))
        },
        [Symbol.asyncDispose]: async () => {
          await device.port.removeDevice({}, signal())
          await device.kill()
        },
      }
    })
  })

  test(
    'a holder of a certificate gets in where a stranger does not',
    async () => {
      const authority = await TestAuthority.open()
      const device = await openDevice(authority)
      const stored = await device.port.push(
        { imageId: await engine().addImage(), repository: 'a/b', tag: '1' },
        signal(),
      )
      const friend = await authority.issue(['friend.example'])
      await server.exec('tee', ['/run/friend.pem'], {
        input: `${friend.certificatePem}\n${friend.privateKeyPem}`,
      })
      expect(await statusOf(urlOf(stored.reference), ['--cert', '/run/friend.pem'])).toBe('200')
      expect(await statusOf(urlOf(stored.reference))).not.toBe('200')
    },
    PATIENCE,
  )

  test(
    'it is mended when its container, its files or its engine went, with its images',
    async () => {
      const device = await openDevice(await TestAuthority.open())
      const imageId = await engine().addImage()
      const { reference } = await device.port.push(
        { imageId, repository: 'a/b', tag: '1' },
        signal(),
      )
      const name = `p-device-${device.deviceUid}`
      await server.exec('docker', ['rm', '--force', name])
      expect(await device.port.observeDevice({}, signal())).toMatchObject({ isReady: false })
      await expect(device.port.list({}, signal())).rejects.toMatchObject({ code: 'Unavailable' })
      await server.exec('rm', ['-r', '/etc/docker/certs.d', `${device.dataDir}/tls/tls.key`])
      await device.port.ensureDevice({}, signal())
      expect(await engine().fetch(reference)).toBe(imageId)
      await server.killDocker('SIGKILL')
      await server.startDocker()
      const isReady = async (): Promise<boolean> =>
        (await device.port.observeDevice({}, signal())).isReady
      await until(isReady, { deadlineMs: 30_000, what: 'the registry is back by itself' })
      expect(await engine().fetch(reference)).toBe(imageId)
    },
    PATIENCE,
  )

  test(
    'it keeps the address that images are named by, when other networks came and went',
    async () => {
      await server.exec('docker', ['network', 'create', 'p-first'])
      const device = await openDevice(await TestAuthority.open())
      const imageId = await engine().addImage()
      const { reference } = await device.port.push(
        { imageId, repository: 'a/b', tag: '1' },
        signal(),
      )
      await device.port.removeDevice({}, signal())
      await server.exec('docker', ['network', 'rm', 'p-first'])
      await device.port.ensureDevice({}, signal())
      expect(await engine().fetch(reference)).toBe(imageId)
    },
    PATIENCE,
  )

  test(
    'its certificate is renewed in its last third',
    async () => {
      const authority = await TestAuthority.open(60_000)
      const device = await openDevice(authority)
      const imageId = await engine().addImage()
      const { reference } = await device.port.push(
        { imageId, repository: 'a/b', tag: '1' },
        signal(),
      )
      const before = authority.issued
      await device.port.ensureDevice({}, signal())
      expect(authority.issued).toBeGreaterThan(before)
      expect(await engine().fetch(reference)).toBe(imageId)
    },
    PATIENCE,
  )

  test(
    'a certificate is kept while it is good, and a killed renewal is done again',
    async () => {
      const authority = await TestAuthority.open()
      const device = await openDevice(authority)
      const imageId = await engine().addImage()
      const { reference } = await device.port.push(
        { imageId, repository: 'a/b', tag: '1' },
        signal(),
      )
      await device.port.ensureDevice({}, signal())
      expect(authority.issued).toBe(1)
      // As if it had been killed between the new key and its certificate.
      const other = await authority.issue(['127.0.0.1'])
      const keyPath = `${device.dataDir}/tls/tls.key`
      await server.exec('tee', [keyPath], { input: other.privateKeyPem })
      await device.port.ensureDevice({}, signal())
      expect(await engine().fetch(reference)).toBe(imageId)
    },
    PATIENCE,
  )

  test(
    'a full disk is told as such, and a push goes through when there is room',
    async () => {
      const device = newDevice(await TestAuthority.open())
      onTestFinished(async () => {
        await device.port.removeDevice({}, signal())
        await device.kill()
        await server.exec('umount', ['--lazy', device.dataDir])
      })
      await server.exec('mkdir', ['-p', device.dataDir])
      await server.exec('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'small', device.dataDir])
      await device.port.ensureDevice({}, signal())
      const request = { imageId: await engine().addImage(8_000_000), repository: 'a/b', tag: '1' }
      await expect(device.port.push(request, signal())).rejects.toMatchObject({
        code: 'ResourceExhausted',
      })
      await server.exec('mount', ['-o', 'remount,size=100m', device.dataDir])
      expect(await device.port.push(request, signal())).toMatchObject({ repository: 'a/b' })
    },
    PATIENCE,
  )

  test(
    'a port that is taken is named',
    async () => {
      const device = newDevice(await TestAuthority.open(), { address: server.address, port: 5055 })
      const taker = server.spawn(process.execPath, [
        '-e',
        "require('node:net').createServer().listen(5055, '0.0.0.0')",
      ])
      onTestFinished(async () => {
        await taker.end('SIGKILL')
        await device.port.removeDevice({}, signal())
        await device.kill()
      })
      const isTaken = async (): Promise<boolean> =>
        (await server.exec('ss', ['-ltn'])).stdout.includes(':5055')
      await until(isTaken, { deadlineMs: 5_000, what: 'the port is taken' })
      await expect(device.port.ensureDevice({}, signal())).rejects.toThrow(/5055/)
      await taker.end('SIGKILL')
      const { facts } = await device.port.ensureDevice({}, signal())
      expect(facts['address']).toBe(`${server.address}:5055`)
    },
    PATIENCE,
  )
})
