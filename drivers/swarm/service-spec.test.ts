import { examTask } from '@polis/hal/orchestrator/exam-task'
import { expect, test } from 'vitest'
import { parseParameters } from './config.ts'
import { specHash, toServiceSpec } from './service-spec.ts'

const IMAGE = `sha256:${'a'.repeat(64)}`

test('a hash is of what a spec says, not of the order it says it in', () => {
  const spec = examTask(IMAGE, { environment: { A: '1', B: '2' } })
  const { uid, environment: _, ...rest } = spec
  expect(specHash({ ...rest, environment: { B: '2', A: '1' }, uid })).toBe(specHash(spec))
  expect(specHash({ ...spec, environment: { A: '1', B: '3' } })).not.toBe(specHash(spec))
  const [one, other] = [
    ['a', 'b'],
    ['b', 'a'],
  ].map((command) => specHash({ ...spec, command }))
  expect(one).not.toBe(other)
})

test('a service publishes nothing and is told apart by its labels', () => {
  const spec = examTask(IMAGE, {
    hosts: { 'polis.gateway': '172.30.0.1' },
    labels: { 'polis.task': 'somebody-else' },
    networks: [{ uid: 'n', aliases: ['web'] }],
    resources: { cpus: 0.5, memoryBytes: 64_000_000, pids: 100 },
    engineNode: 'node-1',
  })
  const service = toServiceSpec(spec, {
    installationUid: 'i',
    parameters: parseParameters({}),
    networkIds: new Map([['n', 'network-id']]),
  })
  const own = { 'polis.installation': 'i', 'polis.task': spec.uid }
  expect(service).toMatchObject({
    Name: `p-${spec.uid}`,
    Labels: own,
    TaskTemplate: {
      ContainerSpec: { Labels: own, Hosts: ['172.30.0.1 polis.gateway'] },
      Resources: { Limits: { NanoCPUs: 5e8, MemoryBytes: 64_000_000, Pids: 100 } },
      Placement: { Constraints: ['node.id==node-1'] },
      Networks: [{ Target: 'network-id', Aliases: ['web'] }],
    },
    EndpointSpec: { Mode: 'dnsrr' },
  })
  expect(JSON.stringify(service)).not.toContain('Ports')
})

test.each([
  [{ gatewaySubnet: 'nonsense' }, ['gatewaySubnet']],
  [{ networkPool: '10.0.0.1/8', restartDelayMs: 0 }, ['networkPool', 'restartDelayMs']],
  [{ advertiseAddress: 'example.org' }, ['advertiseAddress']],
  [{ surprise: 1, another: 2 }, ['surprise', 'another']],
])('parameters %j are refused, each by its path', (parameters, paths) => {
  const problems = paths.map((path): unknown => expect.objectContaining({ path }))
  const refusal: unknown = expect.objectContaining({ code: 'InvalidArgument', problems })
  expect(() => parseParameters(parameters)).toThrow(refusal)
})
