import { describe, expect, test } from 'vitest'
import { problemsOf, read, web, webProblems } from './read-compose.fixture.ts'

const ROOTS = { allowBindRoots: ['/srv/shared', '/media/'] }

test.each([
  ['["data:/var/lib"]', [{ volume: 'data', target: '/var/lib', readOnly: false }]],
  ['["data:/var/lib/:ro"]', [{ volume: 'data', target: '/var/lib', readOnly: true }]],
  ['["data:/a/../b:rw,nocopy"]', [{ volume: 'data', target: '/b', readOnly: false }]],
  ['["big_data:/x"]', [{ volume: 'big-data', target: '/x', readOnly: false }]],
  [
    '[{type: volume, source: data, target: /x, read_only: true}]',
    [{ volume: 'data', target: '/x', readOnly: true }],
  ],
  [
    '[{type: volume, source: data, target: /x, volume: {nocopy: true}}]',
    [{ volume: 'data', target: '/x', readOnly: false }],
  ],
  ['["data:/a", "data:/b"]', [{ target: '/a' }, { target: '/b' }]],
])('volumes: %s', (list, expected) => {
  expect(web(`volumes: ${list}`).volumeMounts).toMatchObject(expected)
})

test.each([
  ['["/srv/shared/x:/x"]', '/srv/shared/x'],
  ['["/srv/shared:/x"]', '/srv/shared'],
  ['["/srv/shared/a/../b:/x"]', '/srv/shared/b'],
  ['["/media/x/:/x"]', '/media/x'],
  [
    '[{type: bind, source: /srv/shared/x, target: /x, bind: {create_host_path: false}}]',
    '/srv/shared/x',
  ],
])('volumes: %s is bound where the roots allow it', (list, source) => {
  expect(web(`volumes: ${list}`, ROOTS).bindMounts).toEqual([
    { source, target: '/x', readOnly: false },
  ])
})

const NOT_HERE = 'is a folder of this machine, which the nodes do not have'

test.each([
  ['["/etc:/x"]', '/etc of the node may not be mounted'],
  ['["/:/x"]', '/ of the node may not be mounted'],
  ['["/srv/shared-not:/x"]', '/srv/shared-not of the node may not be mounted'],
  ['["/srv/shared/../../etc:/x"]', '/etc of the node may not be mounted'],
  ['["/srv/shared/..:/x"]', '/srv of the node may not be mounted'],
  ['["./data:/x"]', `"./data" ${NOT_HERE}`],
  ['["../data:/x"]', `"../data" ${NOT_HERE}`],
  ['["~/data:/x"]', `"~/data" ${NOT_HERE}`],
  [
    '["/var/run/docker.sock:/var/run/docker.sock"]',
    '/var/run/docker.sock of the node may not be mounted',
  ],
  ['["C:\\\\data:/x"]', 'a path of Windows cannot be mounted'],
  ['["/data"]', 'a volume without a name is not supported: its data would be lost unnoticed'],
  [
    '[{type: volume, target: /x}]',
    'a volume without a name is not supported: its data would be lost unnoticed',
  ],
  ['["nope:/x"]', 'there is no volume "nope" in this file'],
  ['["data:x"]', 'the target must be an absolute path'],
  ['["data:/"]', 'nothing can be mounted at /'],
  ['["data:/x/.."]', 'nothing can be mounted at /'],
  ['["data:/polis/x"]', '/polis belongs to Polis'],
  ['["data:/x/../polis"]', '/polis belongs to Polis'],
  ['["data:/x:z"]', 'the mount option "z" is not supported'],
  ['["data:/x:cached"]', 'the mount option "cached" is not supported'],
  ['["data:/x", "big_data:/x/"]', 'something else is mounted at /x already'],
  ['["data:/x:ro:y"]', '"data:/x:ro:y" is not a mount'],
  ['[":/x"]', '":/x" is not a mount'],
  ['[{type: tmpfs, target: /x}]', 'mounts of type "tmpfs" are not supported'],
  ['[{source: data, target: /x}]', 'type is missing'],
  ['[{type: volume, source: data}]', 'target is missing'],
  ['[{type: volume, source: data, target: /x, volume: {subpath: a}}]', 'subpath is not supported'],
  [
    '[{type: bind, source: /srv/shared, target: /x, bind: {propagation: rshared}}]',
    'propagation is not supported',
  ],
])('volumes: %s is refused', (list, message) => {
  const messages = webProblems(`volumes: ${list}`, ROOTS).map((each) =>
    each.replace(/^[^:]*: /, ''),
  )
  expect(messages).toEqual([message])
})

test('a refused bind mount says what to do instead', () => {
  const [problem] = problemsOf('services: {a: {image: x, volumes: ["./d:/x"]}}')
  expect(problem?.code).toBe('PermissionDenied')
  expect(problem?.hint).toMatch(/named volume.*x-polis/)
})

describe('top-level volumes', () => {
  const services = 'services: {a: {image: x}}'

  test.each([
    ['{data: }', [{ key: 'data', isExternal: false, labels: {} }]],
    ['{data: {}}', [{ key: 'data', isExternal: false, labels: {} }]],
    [
      '{data: {driver: local, labels: [x=1]}}',
      [{ key: 'data', isExternal: false, labels: { x: '1' } }],
    ],
    ['{data: {name: shared}}', [{ key: 'data', name: 'shared', isExternal: false, labels: {} }]],
    ['{data: {external: true}}', [{ key: 'data', name: 'data', isExternal: true, labels: {} }]],
    [
      '{data: {external: true, name: shared}}',
      [{ key: 'data', name: 'shared', isExternal: true, labels: {} }],
    ],
    ['{b_b: , a: }', [{ key: 'a' }, { key: 'b-b' }]],
  ])('volumes: %s', (map, expected) => {
    expect(read(`${services}\nvolumes: ${map}`).model.volumes).toMatchObject(expected)
  })

  test.each([
    ['{data: {driver: nfs}}', 'volumes.data.driver'],
    ['{data: {driver_opts: {type: nfs}}}', 'volumes.data.driver_opts'],
    ['{data: {name: Not_A_Label}}', 'volumes.data.name'],
    ['{data: {external: {name: x}}}', 'volumes.data.external'],
    ['{data: {external: true, labels: {a: b}}}', 'volumes.data'],
    ['{a_b: , a.b: }', 'volumes.a.b'],
    ['{"../x": }', 'volumes.../x'],
    ['{data: 5}', 'volumes.data'],
  ])('volumes: %s is refused', (map, path) => {
    expect(problemsOf(`${services}\nvolumes: ${map}`).map((each) => each.path)).toEqual([path])
  })
})
