// x-polis, and what is wrong only between services.
import { describe, expect, test } from 'vitest'
import { problemsOf, read, web, webProblems } from './read-compose.fixture.ts'

describe('domains', () => {
  test.each([
    ['[shop.test]', [{ host: 'shop.test', tls: 'off' }]],
    ['["shop.test:8080"]', [{ host: 'shop.test', port: 8080, tls: 'off' }]],
    ['[{host: Shop.Test, port: 8080, tls: off}]', [{ host: 'shop.test', port: 8080, tls: 'off' }]],
    ['[{host: shop.test, tls: false}]', [{ host: 'shop.test', tls: 'off' }]],
    ['["*.shop.test"]', [{ host: '*.shop.test', tls: 'off' }]],
    ['[shop.test.]', [{ host: 'shop.test', tls: 'off' }]],
    ['[müller.test]', [{ host: 'xn--mller-kva.test', tls: 'off' }]],
    ['[localhost]', [{ host: 'localhost', tls: 'off' }]],
    ['[b.test, a.test]', [{ host: 'a.test' }, { host: 'b.test' }]],
  ])('%s', (list, expected) => {
    expect(web(`x-polis: {domains: ${list}}`).domains).toMatchObject(expected)
  })

  test.each([
    ['expose: [3000]', 3000],
    ['ports: ["8080:80"]', 80],
    ['ports: ["8080:80"]\nexpose: [80]', 80],
  ])('take the only port the service listens on: %s', (body, port) => {
    expect(web(`${body}\nx-polis: {domains: [a.test]}`).domains[0]?.port).toBe(port)
  })

  test.each([
    ['["http://a.test"]', '"http://a.test" is not a host name'],
    ['["a.test/path"]', '"a.test/path" is not a host name'],
    ['["a b"]', '"a b" is not a host name'],
    ['["a..b"]', '"a..b" is not a host name'],
    ['["*"]', '"*" is not a host name'],
    ['["a.*.test"]', '"a.*.test" is not a host name'],
    ['["10.0.0.1"]', '"10.0.0.1" is not a host name'],
    ['["_x.test"]', '"_x.test" is not a host name'],
    ['["../a"]', '"../a" is not a host name'],
    [`["${'a'.repeat(300)}"]`, `"${'a'.repeat(60)}…" is not a host name`],
    ['["a.test:99999"]', '99999 is not a port from 1 to 65535'],
    ['["a.test:http"]', '"a.test:http" is not a host name'],
    ['[{port: 80}]', 'host is missing'],
    ['[{host: a.test, port: 0}]', 'must be a whole number from 1 to 65535, not "0"'],
    ['[{host: a.test, tls: auto}]', 'tls: auto is not supported yet'],
    ['[{host: a.test, tls: on}]', 'must be one of off, auto, not "on"'],
    ['[{host: a.test, path: /x}]', 'path is not supported'],
    ['[a.test, A.test]', 'a.test is there twice'],
    ['a.test', 'must be a list'],
  ])('%s is refused', (list, message) => {
    const messages = webProblems(`x-polis: {domains: ${list}}`)
    expect(messages.map((each) => each.replace(/^.*?: /, ''))).toEqual([message])
  })

  test('must say which of several ports', () => {
    expect(
      problemsOf('services: {a: {image: x, expose: [1, 2], x-polis: {domains: [a.test]}}}'),
    ).toMatchObject([{ message: 'the service listens on 1, 2', hint: 'say which: a.test:1' }])
  })
})

describe('databases', () => {
  test.each([
    ['[db]', [{ name: 'db', env: {} }]],
    [
      '[{name: db, device: main, database: shop}]',
      [{ name: 'db', device: 'main', database: 'shop', env: {} }],
    ],
    [
      '[{name: db, engine: postgresql, env: {B: host, A: uri}}]',
      [{ name: 'db', engine: 'postgresql', env: { A: 'uri', B: 'host' } }],
    ],
  ])('%s', (list, expected) => {
    expect(web(`x-polis: {databases: ${list}}`).databases).toEqual(expected)
  })

  test.each([
    ['[Db]', 'x-polis.databases[0]: "Db" is not a name: use a-z, 0-9 and -, at most 63 characters'],
    ['[{device: main}]', 'x-polis.databases[0]: name is missing'],
    [
      '[{name: db, device: a, engine: b}]',
      'x-polis.databases[0]: both device and engine are given',
    ],
    [
      '[{name: db, env: {A: url}}]',
      'x-polis.databases[0].env.A: must be one of type, provider, host, port, username, password, database, uri, not "url"',
    ],
    [
      '[{name: db, env: {"A B": uri}}]',
      'x-polis.databases[0].env.A B: this is no name for an environment variable',
    ],
    ['[db, db]', 'x-polis.databases[1]: db is there twice'],
    [
      '[{name: a, env: {A: uri}}, {name: b, env: {A: host}}]',
      'x-polis.databases[1]: A is set by database a already',
    ],
    ['[{name: db, evn: {}}]', 'x-polis.databases[0].evn: unknown key "evn"'],
  ])('%s is refused', (list, problem) => {
    expect(webProblems(`x-polis: {databases: ${list}}`)).toEqual([problem])
  })

  test('cannot set what the environment sets', () => {
    expect(
      webProblems('environment: {A: x}\nx-polis: {databases: [{name: db, env: {A: uri}}]}'),
    ).toEqual(['x-polis.databases[0]: A is set by environment already'])
  })

  test('of one name are one database, on one device', () => {
    const text = (one: string, other: string): string =>
      `services: {a: {image: x, x-polis: {databases: [${one}]}}, b: {image: x, x-polis: {databases: [${other}]}}}`
    expect(problemsOf(text('db', 'db'))).toEqual([])
    expect(problemsOf(text('{name: db, device: m}', '{name: db, device: n}'))).toMatchObject([
      { path: 'services.b.x-polis.databases[0]' },
    ])
  })
})

describe('volumes', () => {
  test.each([
    ['[media]', [{ name: 'media', readOnly: false, exclusive: false }]],
    [
      '[{name: media, volume: shop-media, readOnly: true, exclusive: true}]',
      [{ name: 'media', volume: 'shop-media', readOnly: true, exclusive: true }],
    ],
  ])('%s', (list, expected) => {
    expect(web(`x-polis: {volumes: ${list}}`).dynamicVolumes).toEqual(expected)
  })

  test.each([
    [
      '[bindings]',
      'x-polis.volumes[0]: the name bindings is reserved: databases appear at /polis/bindings',
    ],
    [
      '["../x"]',
      'x-polis.volumes[0]: "../x" is not a name: use a-z, 0-9 and -, at most 63 characters',
    ],
    ['[{name: media, path: /srv/media}]', 'x-polis.volumes[0].path: path is not supported'],
    [
      '[{name: media, read_only: true}]',
      'x-polis.volumes[0].read_only: read_only is not supported',
    ],
  ])('%s is refused', (list, problem) => {
    expect(webProblems(`x-polis: {volumes: ${list}}`)).toEqual([problem])
  })

  test('that are exclusive have one user', () => {
    expect(webProblems('scale: 2\nx-polis: {volumes: [{name: m, exclusive: true}]}')).toEqual([
      'x-polis.volumes[0]: 2 tasks cannot each have a volume to themselves',
    ])
    const text =
      'services: {a: {image: x, x-polis: {volumes: [{name: m, exclusive: true}]}}, b: {image: x, x-polis: {volumes: [m]}}}'
    expect(problemsOf(text)).toMatchObject([{ path: 'services.a.x-polis.volumes[0]' }])
  })
})

test('two services cannot have one domain', () => {
  const text =
    'services: {a: {image: x, x-polis: {domains: [A.test]}}, b: {image: x, x-polis: {domains: [a.test]}}}'
  expect(problemsOf(text)).toMatchObject([
    {
      code: 'AlreadyExists',
      path: 'services.b.x-polis.domains[0]',
      message: 'a.test leads to a already',
    },
  ])
})

describe('depends_on', () => {
  /** Services a, b, c with what stands behind depends_on of each. */
  const text = (...each: readonly string[]): string =>
    `services: {${each.map((value, index) => `${'abcdef'[index]}: {image: x, depends_on: ${value}}`).join(', ')}}`

  test.each([
    [
      '[b, c]',
      [
        { service: 'b', condition: 'started' },
        { service: 'c', condition: 'started' },
      ],
    ],
    [
      '{c: {condition: service_started}, b: {condition: service_healthy, restart: false, required: true}}',
      [
        { service: 'b', condition: 'healthy' },
        { service: 'c', condition: 'started' },
      ],
    ],
    ['[]', []],
  ])('%s', (value, expected) => {
    expect(read(text(value, '[]', '[]')).model.services[0]?.dependsOn).toEqual(expected)
  })

  test.each([
    ['[d]', 'there is no service "d" in this file'],
    ['[b, b]', 'b is there twice'],
    ['{b: }', 'must be a map'],
    ['{b: {}}', 'condition is missing'],
    [
      '{b: {condition: service_health}}',
      'must be one of service_started, service_healthy, service_completed_successfully, not "service_health"',
    ],
    [
      '{b: {condition: service_completed_successfully}}',
      'service_completed_successfully is not supported',
    ],
    ['{b: {condition: service_started, restart: true}}', 'restart: true is not supported'],
    ['{b: {condition: service_started, required: false}}', 'required: false is not supported'],
    ['[a]', 'services wait for each other: a → a'],
  ])('%s is refused', (value, message) => {
    expect(problemsOf(text(value, '[]', '[]'))[0]?.message).toBe(message)
  })

  test('cycles are shown, each once', () => {
    const problems = problemsOf(text('[b]', '[c]', '[a]', '[e]', '[d]', '[a]'))
    expect(problems.map(({ message }) => message)).toEqual([
      'services wait for each other: a → b → c → a',
      'services wait for each other: d → e → d',
    ])
  })

  test('waiting for the health of what has no check is refused', () => {
    const dependent = '{a: {image: x, depends_on: {b: {condition: service_healthy}}}'
    expect(
      problemsOf(`services: ${dependent}, b: {image: x, healthcheck: {disable: true}}}`),
    ).toMatchObject([{ path: 'services.a' }])
    expect(problemsOf(`services: ${dependent}, b: {image: x}}`)).toEqual([])
  })
})
