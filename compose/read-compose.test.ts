import { PolisError } from '@polis/lib/error'
import { describe, expect, test } from 'vitest'
import { ApplicationModel } from './model.ts'
import { readCompose } from './read-compose.ts'
import { problemsOf, read, web } from './read-compose.fixture.ts'

const SHOP = `
name: shop
services:
  web:
    build: {context: ./app, args: {MODE: fast}}
    ports: ["127.0.0.1:8080:80"]
    environment:
      GREETING: hello \${WHO:-world}
      TOKEN:
    depends_on:
      db_main: {condition: service_healthy}
    deploy: {replicas: 3, resources: {limits: {memory: 256m, cpus: "0.5"}}}
    x-polis:
      domains: [Shop.localhost]
      databases:
        - {name: db, engine: postgresql, env: {DATABASE_URL: uri}}
      volumes: [media]
  db_main:
    image: postgres:15
    volumes: [data:/var/lib/postgresql/data]
    healthcheck: {test: pg_isready, interval: 5s}
volumes:
  data:
`

describe('a whole application', () => {
  const { model, warnings } = read(SHOP, { environment: { TOKEN: 's3cret' } })

  test('has its services by name, with everything resolved', () => {
    expect(warnings).toEqual([])
    expect(model).toMatchObject({
      version: 1,
      name: 'shop',
      services: [
        { name: 'db-main', aliases: ['db-main', 'db_main'] },
        {
          name: 'web',
          aliases: ['web'],
          source: {
            type: 'build',
            contextPath: 'app',
            dockerfile: 'Dockerfile',
            args: { MODE: 'fast' },
          },
          environment: { GREETING: 'hello world', TOKEN: 's3cret' },
          ports: [{ address: '127.0.0.1', publishedPort: 8080, targetPort: 80, protocol: 'tcp' }],
          dependsOn: [{ service: 'db-main', condition: 'healthy' }],
          replicas: 3,
          resources: { memoryBytes: 268_435_456, cpus: 0.5 },
          stopGracePeriodMs: 10_000,
          domains: [{ host: 'shop.localhost', port: 80, tls: 'off' }],
          databases: [{ name: 'db', engine: 'postgresql', env: { DATABASE_URL: 'uri' } }],
          dynamicVolumes: [{ name: 'media', readOnly: false, exclusive: false }],
        },
      ],
      volumes: [{ key: 'data', isExternal: false }],
    })
  })

  test('is the same text when read again, and when it went through a store', () => {
    const again = read(SHOP, { environment: { TOKEN: 's3cret' } }).model
    const text = JSON.stringify(model)
    expect(JSON.stringify(again)).toBe(text)
    expect(JSON.stringify(ApplicationModel.parse(JSON.parse(text)))).toBe(text)
  })

  test('cannot be changed', () => {
    expect(Object.isFrozen(model.services[1]?.environment)).toBe(true)
    expect(Object.isFrozen(model.services[1]?.ports[0])).toBe(true)
    expect(Object.isFrozen(model.services)).toBe(true)
  })
})

test('the order of the file does not matter', () => {
  const one = web(`
environment: {B: "2", A: "1"}
ports: ["9090:90", "8080:80"]
expose: [3, 1, 2]
volumes: [data:/b, big_data:/a]
labels: {y: "", x: ""}
x-polis: {domains: ["b.test:80", "a.test:80"], volumes: [n, m]}`)
  const other = web(`
x-polis: {volumes: [m, n], domains: ["a.test:80", "b.test:80"]}
labels: [x, y]
volumes: [big_data:/a, data:/b]
expose: ["1-3"]
ports: [{target: 80, published: 8080}, {target: 90, published: "9090"}]
environment: [A=1, B=2]`)
  expect(JSON.stringify(other)).toBe(JSON.stringify(one))
})

test('all problems are told at once, each with its place', () => {
  const text = SHOP.replace('image:', 'imgae:').replace('127.0.0.1:8080:80', '53:53/udp')
  expect(problemsOf(text)).toMatchObject([
    { code: 'Unimplemented', path: 'services.web.ports[0]', line: 6, column: 13 },
    { path: 'services.db_main', message: 'neither image nor build is given' },
    { path: 'services.db_main.imgae', hint: 'did you mean image?', line: 19 },
  ])
})

describe('the name', () => {
  const services = 'services: {a: {image: x}}'

  test.each([
    ['of the file', `name: my_shop\n${services}`, undefined, 'my-shop'],
    ['of the caller wins', `name: shop\n${services}`, 'other', 'other'],
    ['with a variable', `name: shop-\${STAGE}\n${services}`, undefined, 'shop-test'],
  ])('%s', (_, text, projectName, expected) => {
    const facts = projectName === undefined ? {} : { projectName }
    const { model } = readCompose({
      files: [{ path: 'compose.yaml', text }],
      environment: { STAGE: 'test' },
      allowBindRoots: [],
      ...facts,
    })
    expect(model.name).toBe(expected)
  })

  test.each(['../etc', 'Shop', 'мой', 'a'.repeat(300), '-a', 'a b', '', '___', '.'])(
    '%j is refused',
    (name) => {
      expect(problemsOf(services, { projectName: name })).toMatchObject([{ path: 'name' }])
      expect(problemsOf(`name: ${JSON.stringify(name)}\n${services}`, {})).toEqual([])
    },
  )

  test('must come from somewhere', () => {
    expect(() =>
      readCompose({
        files: [{ path: 'compose.yaml', text: services }],
        environment: {},
        allowBindRoots: [],
      }),
    ).toThrow('the application has no name')
  })

  test('is known to the file as COMPOSE_PROJECT_NAME', () => {
    expect(web('labels: {n: "${COMPOSE_PROJECT_NAME}"}').labels).toEqual({ n: 'shop' })
    const text = 'services: {a: {image: "${COMPOSE_PROJECT_NAME}:1"}}\nname: own-${STAGE}'
    const { model } = readCompose({
      files: [{ path: 'compose.yaml', text }],
      environment: { STAGE: 'test', COMPOSE_PROJECT_NAME: 'not-this' },
      allowBindRoots: [],
    })
    expect(model.services[0]?.source).toEqual({ type: 'image', reference: 'own-test:1' })
  })
})

describe('names of services', () => {
  test.each(['../etc', 'мой', 'a b', 'a'.repeat(64), 'a'.repeat(300), '.', '_', 'a/b'])(
    '%j is refused',
    (name) => {
      const text = `services: {${JSON.stringify(name)}: {image: x}}`
      expect(problemsOf(text)).toMatchObject([{ code: 'InvalidArgument' }])
    },
  )

  test('that become the same label are refused', () => {
    const text = 'services: {my_db: {image: x}, my.db: {image: x}, MY-DB: {image: x}}'
    expect(problemsOf(text)).toMatchObject([
      { code: 'AlreadyExists', message: 'my_db and my.db would both be called my-db' },
      { code: 'AlreadyExists' },
    ])
  })
})

test('several files are refused for now, and so is none', () => {
  const file = { path: 'a.yaml', text: 'services: {a: {image: x}}' }
  const input = { environment: {}, projectName: 'shop', allowBindRoots: [] }
  expect(() => readCompose({ ...input, files: [file, file] })).toThrow(PolisError)
  expect(() => readCompose({ ...input, files: [] })).toThrow(PolisError)
})

test.each([
  ['', 'there are no services'],
  ['# only a comment', 'there are no services'],
  ['services:', 'there are no services'],
  ['services: {}', 'there are no services'],
  ['services: []', 'must be a map'],
  ['services: {web: }', 'must be a map'],
  ['services: {web: {}}', 'neither image nor build is given'],
  ['just text', 'must be a map'],
  ['[a]', 'must be a map'],
])('%j is refused: %s', (text, message) => {
  expect(problemsOf(text)[0]).toMatchObject({ message })
})

describe('warnings', () => {
  test('name obsolete keys and unset variables once, with their place', () => {
    const text = 'version: "3"\nservices:\n  web: {image: "a:${TAG}b", user: "u${TAG}"}'
    expect(read(text).warnings).toMatchObject([
      { message: 'the variable TAG is not set: it counts as empty', line: 3, column: 16 },
      { path: 'version', message: 'version is obsolete and ignored', line: 1 },
    ])
  })

  test('are not problems', () => {
    const text = 'services: {a: {build: ., image: x, restart: on-failure, init: yes}}'
    expect(read(text).warnings.map(({ path }) => path)).toEqual([
      'services.a.image',
      'services.a.init',
      'services.a.restart',
    ])
  })
})
