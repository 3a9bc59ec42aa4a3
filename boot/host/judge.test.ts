import { describe, expect, it } from 'vitest'
import type { HostFacts } from './facts.ts'
import { judgeHost } from './judge.ts'

const GIB = 1024 ** 3

const healthy: HostFacts = {
  isRoot: true,
  features: { overlay: true, veth: true, bridge: true, vxlan: true, nftables: true },
  cgroups: 'v2',
  canLimitMemory: true,
  disks: [{ path: '/', freeBytes: 50 * GIB, freeFiles: 1_000_000 }],
  memoryTotalBytes: 4 * GIB,
  memoryFreeBytes: 2 * GIB,
  now: new Date('2027-01-01'),
  builtAt: new Date('2026-12-01'),
  unresolvedNames: [],
  docker: { version: '20.10.24', hasLiveRestore: false, dataDir: '/var/lib/docker', swarm: 'none' },
  ports: [80, 443],
  portConflicts: [],
  missingPrograms: [],
  server: 'ready',
}
const { docker } = healthy

describe('a host', () => {
  it('in order is all ok', () => {
    expect(judgeHost(healthy).filter(({ status }) => status !== 'ok')).toEqual([])
  })

  const wrong: readonly (readonly [string, Partial<HostFacts>, string, string])[] = [
    ['without root', { isRoot: false, features: undefined }, 'warning', 'not root'],
    ['without packages', { missingPrograms: ['haproxy'] }, 'error', 'haproxy'],
    ['without vxlan', { features: { overlay: true, vxlan: false } }, 'error', 'vxlan'],
    ['without cgroups', { cgroups: 'none' }, 'error', 'none are mounted'],
    ['without memory limits', { canLimitMemory: false }, 'warning', 'memory limits'],
    [
      'with a full disk',
      { disks: [{ path: '/', freeBytes: 5e8, freeFiles: 1e6 }] },
      'error',
      '477 MiB',
    ],
    [
      'with a fuller disk',
      { disks: [{ path: '/', freeBytes: 3e9, freeFiles: 1e6 }] },
      'warning',
      'free at /',
    ],
    [
      'without inodes',
      { disks: [{ path: '/', freeBytes: 9e9, freeFiles: 10 }] },
      'warning',
      '10 files',
    ],
    ['with little memory', { memoryTotalBytes: 5e8 }, 'error', 'MiB'],
    ['with its memory taken', { memoryFreeBytes: 1e8 }, 'warning', '95 MiB'],
    ['of the past', { now: new Date('1970-01-01') }, 'error', '1970'],
    ['without names', { unresolvedNames: ['debian.org'] }, 'warning', 'debian.org'],
    ['without Docker', { docker: undefined }, 'error', 'does not answer'],
    [
      'with live-restore',
      { docker: docker && { ...docker, hasLiveRestore: true } },
      'error',
      'live-restore',
    ],
    [
      'in a foreign swarm',
      { docker: docker && { ...docker, swarm: 'worker' } },
      'error',
      'another swarm',
    ],
    [
      'with a broken swarm',
      { docker: docker && { ...docker, swarm: 'broken' } },
      'error',
      'does not work',
    ],
    [
      'with a taken port',
      { portConflicts: [{ port: 80, owner: 'nginx (pid 7)' }] },
      'error',
      '80 is taken by nginx (pid 7)',
    ],
    ['with a silent server', { server: 'silent' }, 'error', 'does not answer'],
  ]
  it.each(wrong)('%s is told what to do', (_, change, status, words) => {
    const found = judgeHost({ ...healthy, ...change }).filter((each) => each.status !== 'ok')
    expect(found.map((each) => each.status)).toContain(status)
    expect(found.map(({ message }) => message).join('\n')).toContain(words)
    expect(found.every(({ remedy }) => remedy !== undefined && remedy !== '')).toBe(true)
  })
})
