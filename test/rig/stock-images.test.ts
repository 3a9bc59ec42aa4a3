// The stock images keep the contracts that drivers rely on.
import { cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DockerClient } from '@polis/engine-docker/client'
import type { ContainerSpec } from '@polis/engine-docker/container-spec'
import {
  ensureContainer,
  getContainer,
  removeContainer,
  untilContainerReady,
} from '@polis/engine-docker/containers'
import { exec } from '@polis/engine-docker/exec'
import { findImage, pullImage, pushImage, removeImage, tagImage } from '@polis/engine-docker/images'
import { ensureStockImage, recipeHash, type StockImage } from '@polis/engine-docker/stock-images'
import { until } from '@polis/lib/until'
import { beforeAll, describe, expect, it } from 'vitest'
import { loadStockImages, RECIPES, type StockImageName } from './images.ts'
import { useServer } from './suite.ts'

const server = useServer()
const docker = new DockerClient({ socketPath: server.dockerSocketPath })
const signal = (): AbortSignal => AbortSignal.timeout(60_000)
const OWNER = { 'polis.test': 'stock-images' }
const quiet = (): void => undefined

let images: Readonly<Record<StockImageName, StockImage>>
beforeAll(async () => {
  images = await loadStockImages(server, ['debian', 'postgresql', 'registry'])
}, 600_000)

describe('ensureStockImage', () => {
  it('builds nothing again while the recipe stays the same', async () => {
    for (const name of ['debian', 'postgresql', 'registry'] as const) {
      const lines: string[] = []
      const image = await ensureStockImage(docker, RECIPES, name, signal(), (l) => lines.push(l))
      expect([image, lines]).toEqual([images[name], []])
    }
  })

  it('builds again when a file of the recipe changes, or the recipe below does', async () => {
    const recipes = join(server.folder, 'recipes')
    cpSync(join(RECIPES, 'debian'), join(recipes, 'debian'), { recursive: true })
    mkdirSync(join(recipes, 'tiny'))
    const write = (name: string, text: string): void =>
      writeFileSync(join(recipes, 'tiny', name), text)
    write('recipe.json', '{ "repository": "test/tiny", "tag": "1" }')
    write('Dockerfile', 'FROM polis/debian:12\nCOPY text /text\nRUN echo "it says $(cat /text)"\n')
    write('text', 'one')
    const lines: string[] = []
    const build = (): Promise<StockImage> =>
      ensureStockImage(docker, recipes, 'tiny', signal(), (line) => lines.push(line))
    const first = await build()
    expect(lines).toContain('it says one')
    expect(await build()).toEqual(first)
    write('text', 'two')
    const second = await build()
    expect(second.imageId).not.toBe(first.imageId)
    expect(lines).toContain('it says two')
    const before = await recipeHash(recipes, 'tiny')
    writeFileSync(join(recipes, 'debian', 'more'), '')
    expect(await recipeHash(recipes, 'tiny')).not.toBe(before)
  }, 60_000)

  it('says NotFound for a recipe that is not there', async () => {
    const built = ensureStockImage(docker, RECIPES, 'nothing', signal(), quiet)
    await expect(built).rejects.toMatchObject({ code: 'NotFound' })
  })
})

describe('polis/postgresql', () => {
  const spec = (volume: string, env: Readonly<Record<string, string>>): ContainerSpec => ({
    image: images.postgresql.imageId,
    env,
    mounts: [
      { type: 'volume', source: volume, target: '/var/lib/postgresql/data' },
      { type: 'bind', source: '/run/password', target: '/run/password', isReadOnly: true },
    ],
  })
  const ENV = {
    POSTGRES_DB: 'shop "1"',
    POSTGRES_PASSWORD_FILE: '/run/password',
    POSTGRES_USER: 'owner',
  }
  const dataPath = (volume: string, name: string): string =>
    server.path(`/var/lib/docker/volumes/${volume}/_data/${name}`)

  async function query(container: string, sql: string, password: string): Promise<string> {
    const { addresses } = await getContainer(docker, container, signal())
    const target = [
      '--host',
      addresses['bridge'] ?? '',
      '--username',
      'owner',
      '--dbname',
      ENV.POSTGRES_DB,
    ]
    const options = { env: { PGPASSWORD: password } }
    return (await server.exec('psql', ['-At', ...target, '--command', sql], options)).stdout.trim()
  }

  beforeAll(async () => {
    await server.exec('tee', ['/run/password'], { input: "p'w$1" })
  })

  it('makes the database once, asks for the password, and keeps the data', async () => {
    await ensureContainer(docker, 'pg', OWNER, spec('pg', ENV), signal())
    await untilContainerReady(docker, 'pg', 30_000, signal())
    expect(await query('pg', 'create table kept (n int); select current_user', "p'w$1")).toContain(
      'owner',
    )
    await expect(query('pg', 'select 1', 'wrong')).rejects.toThrow('password authentication failed')
    const inside = { command: ['sh', '-c', 'id -un; echo "$PGDATA"; cat /proc/1/environ'] }
    const { stdout } = await exec(docker, 'pg', { ...inside, user: 'postgres' }, signal())
    expect(stdout).toMatch(/^postgres\n\/var\/lib\/postgresql\/data\n/)
    const again = { ...spec('pg', ENV), labels: { other: 'container' } }
    await ensureContainer(docker, 'pg', OWNER, again, signal())
    await untilContainerReady(docker, 'pg', 30_000, signal())
    expect(await query('pg', 'select count(*) from kept', "p'w$1")).toBe('0')
    expect(existsSync(dataPath('pg', '.init'))).toBe(false)
    await removeContainer(docker, 'pg', signal())
  }, 90_000)

  it('leaves nothing half-made when it is killed at any moment of the first start', async () => {
    const moments = ['.init', '.init/PG_VERSION', '.init/postmaster.pid', 'base', 'PG_VERSION']
    for (const moment of moments) {
      await ensureContainer(docker, 'pg', OWNER, spec('killed', ENV), signal())
      await until(() => existsSync(dataPath('killed', moment)), {
        deadlineMs: 20_000,
        everyMs: 1,
        what: `${moment} is made`,
      })
      await removeContainer(docker, 'pg', signal())
    }
    await ensureContainer(docker, 'pg', OWNER, spec('killed', ENV), signal())
    await untilContainerReady(docker, 'pg', 30_000, signal())
    expect(await query('pg', 'select 1', "p'w$1")).toBe('1')
    await removeContainer(docker, 'pg', signal())
  }, 120_000)

  it('goes on from a move that was cut short before its last step', async () => {
    const volume = server.path('/var/lib/docker/volumes/killed/_data')
    await server.exec('mkdir', [join(volume, '.init')])
    await server.exec('mv', [join(volume, 'PG_VERSION'), join(volume, '.init')])
    await ensureContainer(docker, 'pg', OWNER, spec('killed', ENV), signal())
    await untilContainerReady(docker, 'pg', 30_000, signal())
    expect(await query('pg', 'select 1', "p'w$1")).toBe('1')
    await removeContainer(docker, 'pg', signal())
  }, 60_000)

  it('refuses to start without a password, and in a folder that holds something else', async () => {
    const end = async (volume: string, env: Readonly<Record<string, string>>): Promise<unknown> => {
      await ensureContainer(docker, 'pg', OWNER, spec(volume, env), signal())
      const isRunning = async (): Promise<boolean> =>
        (await getContainer(docker, 'pg', signal())).isRunning
      await expect.poll(isRunning, { timeout: 10_000 }).toBe(false)
      return untilContainerReady(docker, 'pg', 5000, signal())
    }
    await expect(end('bare', {})).rejects.toThrow('POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE')
    await server.exec('touch', [dataPath('bare', 'letters')])
    await expect(end('bare', ENV)).rejects.toThrow('is not empty and holds no database')
    expect(existsSync(dataPath('bare', 'letters'))).toBe(true)
    await removeContainer(docker, 'pg', signal())
  }, 60_000)
})

describe('polis/registry', () => {
  it('keeps images that are pushed, and takes its configuration from the environment', async () => {
    const spec: ContainerSpec = {
      image: images.registry.imageId,
      env: { REGISTRY_HTTP_ADDR: ':5001' },
      mounts: [{ type: 'volume', source: 'registry', target: '/var/lib/registry' }],
      publish: [{ containerPort: 5001, hostAddress: '127.0.0.1', hostPort: 5000 }],
    }
    await ensureContainer(docker, 'registry', OWNER, spec, signal())
    const reference = { repository: '127.0.0.1:5000/test/copy', tag: '1' }
    await tagImage(docker, images.debian.imageId, reference, signal())
    const push = (): Promise<string> => pushImage(docker, reference, {}, signal())
    const digest = await until(push, { deadlineMs: 20_000, what: 'push' })
    expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/)
    await removeImage(docker, '127.0.0.1:5000/test/copy:1', signal())
    expect(await findImage(docker, '127.0.0.1:5000/test/copy:1', signal())).toBeUndefined()
    const pulled = await pullImage(docker, `${reference.repository}@${digest}`, {}, signal())
    expect(pulled.id).toBe(images.debian.imageId)
    const collect = ['registry', 'garbage-collect', '/etc/docker/registry/config.yml']
    expect(await exec(docker, 'registry', { command: collect }, signal())).toMatchObject({
      exitCode: 0,
    })
    const missing = pullImage(docker, `${reference.repository}:none`, {}, signal())
    await expect(missing).rejects.toMatchObject({ code: 'NotFound' })
  }, 60_000)
})
