import { existsSync } from 'node:fs'
import { expect, it } from 'vitest'
import { homeAt } from '../home.ts'
import { collectFacts } from './facts.ts'

it('reads this very host without changing it', async () => {
  const facts = await collectFacts({
    home: homeAt('/nowhere/polis'),
    dockerSocketPath: '/nowhere/docker.sock',
    ports: [],
    builtAt: undefined,
    missingPrograms: [],
    apiUrl: 'http://127.0.0.1:1',
    names: ['localhost', 'no-such-name.invalid'],
  })
  expect(facts).toMatchObject({
    isRoot: true,
    features: { overlay: true, veth: true, bridge: true, vxlan: true, nftables: true },
    docker: undefined,
    server: 'silent',
    unresolvedNames: ['no-such-name.invalid'],
  })
  expect(facts.memoryFreeBytes).toBeGreaterThan(0)
  expect(facts.disks[0]?.path).toBe('/')
  expect(existsSync('/sys/class/net/polis0')).toBe(false)
})
