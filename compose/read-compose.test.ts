import { PolisError, type Problem } from '@polis/lib/error'
import { describe, expect, test } from 'vitest'
import type { ApplicationModel, ServiceModel } from './model.ts'
import { type ComposeInput, type ComposeReading, readCompose } from './read-compose.ts'

type Facts = Partial<Omit<ComposeInput, 'files'>>

function read(text: string, facts: Facts = {}): ComposeReading {
  const defaults = { environment: {}, projectName: 'shop', allowBindRoots: [] }
  return readCompose({ ...defaults, ...facts, files: [{ path: 'compose.yaml', text }] })
}

function problemsOf(text: string, facts: Facts = {}): readonly Problem[] {
  try {
    read(text, facts)
  } catch (error) {
    if (error instanceof PolisError) return error.problems
    throw error
  }
  return []
}

/** The service `web` whose keys are the lines of `body`. */
function web(body: string, facts: Facts = {}): ServiceModel {
  const found = read(webText(body), facts).model.services.find(({ name }) => name === 'web')
  if (found === undefined) throw new Error('there is no service web')
  return found
}

function webText(body: string): string {
  const lines = body.trim().split('\n')
  const image = /^(image|build):/m.test(body) ? [] : ['image: nginx']
  return ['services:', '  web:', ...[...image, ...lines].map((line) => `    ${line}`)].join('\n')
}

function webProblems(body: string, facts: Facts = {}): readonly string[] {
  return problemsOf(webText(body), facts).map(({ path, message }) => `${path}: ${message}`)
}

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
  const model: ApplicationModel = read(SHOP, { environment: { TOKEN: 's3cret' } }).model

  test('has its services by name, with everything resolved', () => {
    expect(model).toMatchObject({
      version: 1,
      name: 'shop',
      services: [
        { name: 'db-main', aliases: ['db-main', 'db_main'] },
        {
          name: 'web',
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
          domains: [{ host: 'shop.localhost', port: 80, tls: 'off' }],
          databases: [{ name: 'db', engine: 'postgresql', env: { DATABASE_URL: 'uri' } }],
          dynamicVolumes: [{ name: 'media', readOnly: false, exclusive: false }],
        },
      ],
      volumes: [{ key: 'data', isExternal: false }],
    })
  })

  test('is the same text when read again, and cannot be changed', () => {
    const again = read(SHOP, { environment: { TOKEN: 's3cret' } }).model
    expect(JSON.stringify(again)).toBe(JSON.stringify(model))
    expect(Object.isFrozen(model.services[1]?.environment)).toBe(true)
  })
})

test('all problems are told at once, each with its place', () => {
  const text = SHOP.replace('image:', 'imgae:').replace('127.0.0.1:8080:80', '53:53/udp')
  expect(problemsOf(text)).toMatchObject([
    { code: 'Unimplemented', path: 'services.web.ports[0]', line: 6, column: 13 },
    { path: 'services.db_main', message: 'neither image nor build is given' },
    { path: 'services.db_main.imgae', hint: 'did you mean image?', line: 19 },
  ])
})

test.each([
  ['a list of commands', 'command: ["echo", "a b"]', { command: ['echo', 'a b'] }],
  ['a command as text', `command: sh -c 'echo "a b"'`, { command: ['sh', '-c', 'echo "a b"'] }],
])('%s', (_, body, expected) => {
  expect(web(body)).toMatchObject(expected)
})

test('a shell operator outside quotes is refused', () => {
  expect(webProblems('command: a && b')).toEqual([
    'services.web.command: the command holds &, which only a shell understands',
  ])
})
