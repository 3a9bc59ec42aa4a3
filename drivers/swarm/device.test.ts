// The device's own life on engines in all the states a person may have left them in.
import { connect } from 'node:net'
import type { OrchestratorPort } from '@polis/hal/orchestrator'
import { anyTime, examTask, untilTask } from '@polis/hal/orchestrator/exam-task'
import { newUid } from '@polis/lib/uid'
import { openTestDriverHost, type TestDriverHost } from '@polis/test/driver-host'
import { EXAM_IMAGE, loadExamImage } from '@polis/test/rig/exam-image'
import type { RigServer } from '@polis/test/rig/server'
import { useServer, useServers } from '@polis/test/rig/suite'
import { until } from '@polis/lib/until'
import { afterAll, describe, expect, test } from 'vitest'
import { openTestDevice } from './test-device.ts'

const LIMIT = { timeout: 120_000 }

const hosts: TestDriverHost[] = []

async function openHost(): Promise<TestDriverHost> {
  const host = await openTestDriverHost()
  hosts.push(host)
  return host
}

afterAll(async () => {
  for (const host of hosts) await host[Symbol.asyncDispose]()
})

async function open(
  server: RigServer,
  parameters: Readonly<Record<string, unknown>> = {},
): Promise<OrchestratorPort> {
  return openTestDevice(server, await openHost(), parameters)
}

async function docker(server: RigServer, ...args: readonly string[]): Promise<string> {
  return (await server.exec('docker', args)).stdout.trim()
}

function isOpen(address: string, tcpPort: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port: tcpPort, timeout: 3000 })
    const end = (found: boolean) => (): void => {
      socket.destroy()
      resolve(found)
    }
    socket.once('connect', end(true)).once('error', end(false)).once('timeout', end(false))
  })
}

describe('a fresh engine', LIMIT, () => {
  const server = useServer()
  let port: OrchestratorPort

  test('a gateway subnet that the node uses is refused with a remedy, and nothing is made', async () => {
    port = await open(server)
    await server.exec('ip', ['address', 'add', '172.30.9.1/24', 'dev', 'lo'])
    const device = await port.ensureDevice({}, anyTime())
    expect(device).toMatchObject({ isReady: false, facts: {} })
    expect(device.message).toContain('172.30.0.0/18')
    expect(device.remedy).toContain('--set gatewaySubnet=')
    expect(await docker(server, 'info', '--format', '{{.Swarm.LocalNodeState}}')).toBe('inactive')
    await server.exec('ip', ['address', 'delete', '172.30.9.1/24', 'dev', 'lo'])
  })

  test('looking changes nothing', async () => {
    expect(await port.observeDevice({}, anyTime())).toMatchObject({ isReady: false })
    expect(await docker(server, 'info', '--format', '{{.Swarm.LocalNodeState}}')).toBe('inactive')
    expect(await docker(server, 'network', 'ls', '--format', '{{.Name}}')).not.toContain('gwbridge')
  })

  test('becomes a swarm of one on a routable address, whose ports are closed to the outside', async () => {
    const device = await port.ensureDevice({}, anyTime())
    expect(device).toMatchObject({ isReady: true, message: '' })
    expect(device.engineVersion).toMatch(/^\d+\.\d+/)
    expect(device.facts).toMatchObject({
      gatewayAddress: '172.30.0.1',
      nodeAddress: server.address,
      engineNode: await docker(server, 'info', '--format', '{{.Swarm.NodeID}}'),
    })
    expect(await isOpen(server.address, 2377)).toBe(false)
    expect(await isOpen(server.address, 7946)).toBe(false)
    const ask = `require('node:net').connect(2377, '${server.address}').once('connect', () => process.exit(0))`
    await server.exec(process.execPath, ['--eval', ask])
  })

  test('opens its ports when other nodes may join, and closes them again', async () => {
    const host = await openHost()
    // The same installation as the device above: only it may open its own swarm.
    const label = '{{index .Swarm.Cluster.Spec.Labels "polis.installation"}}'
    const installationUid = await docker(server, 'info', '--format', label)
    const joinable = openTestDevice(server, { ...host, installationUid }, { acceptsNodes: true })
    expect(await joinable.ensureDevice({}, anyTime())).toMatchObject({ isReady: true })
    expect(await isOpen(server.address, 2377)).toBe(true)
    await port.ensureDevice({}, anyTime())
    expect(await isOpen(server.address, 2377)).toBe(false)
  })

  test('networks keep clear of what the node routes, and their pool can run out', async () => {
    const small = await open(server, { networkPool: '10.200.0.0/22' })
    await server.exec('ip', ['route', 'add', 'blackhole', '10.200.2.0/23'])
    const uids = [newUid(), newUid()]
    for (const uid of uids) await small.ensureNetwork({ uid, label: 'exam' }, anyTime())
    const names = uids.map((uid) => `p-${uid}`)
    const format = '{{range .IPAM.Config}}{{.Subnet}}{{end}}'
    const subnets = await docker(server, 'network', 'inspect', '--format', format, ...names)
    expect(subnets.split('\n').toSorted()).toEqual(['10.200.0.0/24', '10.200.1.0/24'])
    const third = small.ensureNetwork({ uid: newUid(), label: 'exam' }, anyTime())
    await expect(third).rejects.toMatchObject({ code: 'ResourceExhausted', path: 'networkPool' })
    expect((await small.listNetworks({}, anyTime())).uids).toEqual(uids.toSorted())
    await server.exec('ip', ['route', 'delete', 'blackhole', '10.200.2.0/23'])
    await small.removeDevice({}, anyTime())
    expect((await port.observeDevice({}, anyTime())).isReady).toBe(true)
  })

  test('removed, it leaves the engine as it was, images included', async () => {
    const spec = examTask(await loadExamImage(server))
    const network = { uid: newUid(), label: 'exam' }
    await port.ensureNetwork(network, anyTime())
    await port.ensureTask({ ...spec, networks: [{ uid: network.uid, aliases: [] }] }, anyTime())
    await untilTask(port, spec.uid, 'runs', ({ state }) => state === 'running')
    await port.removeDevice({}, anyTime())
    await port.removeDevice({}, anyTime())
    expect(await docker(server, 'info', '--format', '{{.Swarm.LocalNodeState}}')).toBe('inactive')
    expect(await docker(server, 'ps', '--quiet')).toBe('')
    const networks = await docker(server, 'network', 'ls', '--format', '{{.Name}}')
    expect(networks.split('\n').toSorted()).toEqual(['bridge', 'host', 'none'])
    expect(await docker(server, 'image', 'ls', '--format', '{{.Repository}}')).toBe(
      EXAM_IMAGE.repository,
    )
    expect((await server.exec('nft', ['list', 'tables'])).stdout).not.toContain('polis_swarm')
  })
})

describe('swarms of others', LIMIT, () => {
  const servers = useServers(2)

  test('one that this node manages is used and stays; a worker is refused with a remedy', async () => {
    const [manager, worker] = servers
    if (manager === undefined || worker === undefined) throw new Error('two servers were asked for')
    await docker(manager, 'swarm', 'init', '--advertise-addr', manager.address)
    const token = await docker(manager, 'swarm', 'join-token', '--quiet', 'worker')
    await docker(worker, 'swarm', 'join', '--token', token, `${manager.address}:2377`)
    const swarmId = await docker(manager, 'info', '--format', '{{.Swarm.Cluster.ID}}')

    const used = await open(manager)
    // A swarm that has only just begun may not answer yet: the device says so, and is asked again.
    const device = await until(
      async () => {
        const seen = await used.ensureDevice({}, anyTime())
        return seen.isReady ? seen : undefined
      },
      { deadlineMs: 20_000, what: 'the swarm to be ready' },
    )
    expect(device).toMatchObject({ isReady: true, facts: { nodeAddress: manager.address } })
    expect(await isOpen(manager.address, 2377)).toBe(true)
    await used.removeDevice({}, anyTime())
    expect(await docker(manager, 'info', '--format', '{{.Swarm.Cluster.ID}}')).toBe(swarmId)

    const refused = await (await open(worker)).ensureDevice({}, anyTime())
    expect(refused).toMatchObject({ isReady: false, facts: {} })
    expect(refused.message).toContain('worker')
    expect(refused.remedy).toContain('docker node promote')
    expect(await docker(worker, 'info', '--format', '{{.Swarm.LocalNodeState}}')).toBe('active')
  })
})

describe('live-restore', LIMIT, () => {
  const server = useServer({ dockerdArgs: ['--live-restore'] })

  test('is refused with a remedy', async () => {
    const device = await (await open(server)).ensureDevice({}, anyTime())
    expect(device).toMatchObject({ isReady: false, facts: {} })
    expect(device.message).toContain('live-restore')
    expect(device.remedy).toContain('daemon.json')
    expect(await docker(server, 'network', 'ls', '--format', '{{.Name}}')).not.toContain('gwbridge')
  })
})
