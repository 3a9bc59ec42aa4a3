// The welcome application by itself: its image, a real PostgreSQL, and a binding as Polis would write it.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { until } from '@polis/lib/until'
import { beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { loadStockImages } from '../rig/images.ts'
import { useServer } from '../rig/suite.ts'

const FOLDER = join(import.meta.dirname, '../../examples/welcome')
const MINUTES = 10 * 60_000

describe('the welcome application', () => {
  const server = useServer()
  const docker = async (...args: readonly string[]): Promise<string> =>
    (await server.exec('docker', args, { signal: AbortSignal.timeout(MINUTES) })).stdout.trim()
  const psql = (statement: string): Promise<string> =>
    docker('exec', 'db', 'psql', '-qtA', '-U', 'postgres', '-c', statement)
  const bind = (files: Readonly<Record<string, string>>): void => {
    mkdirSync(server.path('/run/bindings/db'), { recursive: true })
    for (const [name, text] of Object.entries(files)) {
      writeFileSync(join(server.path('/run/bindings/db'), name), text)
    }
  }
  const ask = (path: string): Promise<Response> =>
    fetch(`http://${server.address}:8080${path}`, { signal: AbortSignal.timeout(15_000) })
  const visits = async (): Promise<number> => {
    const answer = await ask('/api/visits')
    return z.looseObject({ visits: z.number() }).parse(await answer.json()).visits
  }

  beforeAll(async () => {
    await loadStockImages(server, ['debian', 'postgresql'])
    await docker('build', '--network=host', '--tag=welcome', FOLDER)
    const secret = ['--env', 'POSTGRES_PASSWORD=first', '--network=host']
    await docker('run', '--detach', '--name=db', ...secret, 'polis/postgresql:15')
    await until(() => psql('SELECT 1').then(() => true), {
      deadlineMs: 60_000,
      everyMs: 200,
      what: 'PostgreSQL serves',
    })
    mkdirSync(server.path('/run/data/photos'), { recursive: true })
    writeFileSync(server.path('/run/data/photos/<b>.jpg'), '')
    const folders = ['--volume=/run/bindings:/polis/bindings', '--volume=/run/data:/polis/data']
    await docker('run', '--detach', '--name=web', '--network=host', ...folders, 'welcome')
    await until(async () => (await ask('/healthz')).status > 0, {
      deadlineMs: 20_000,
      what: 'the page answers',
    })
  }, MINUTES)

  it('says so while no database is attached, and counts as soon as one is', async () => {
    const before = await ask('/')
    expect(before.status).toBe(503)
    expect(await before.text()).toContain('no database is attached')
    bind({ host: '127.0.0.1', port: '5432', username: 'postgres', password: 'first' })
    bind({ database: 'postgres' })
    expect((await ask('/healthz')).status).toBe(200)
    const first = await ask('/')
    expect(first.status).toBe(200)
    const page = await first.text()
    expect(page).toContain('counted in PostgreSQL')
    expect(page).not.toMatch(/\{\{|https?:\/\//)
    expect(page).toContain('photos/&lt;b&gt;.jpg')
    expect(first.headers.get('content-security-policy')).toContain("default-src 'none'")
    await ask('/')
    expect(await visits()).toBe(2)
  })

  it('counts on after a rotated password and after a restart of the database', async () => {
    const before = await visits()
    await psql(`ALTER ROLE postgres PASSWORD 'second'`)
    bind({ password: 'second' })
    const backends = 'SELECT pg_terminate_backend(pid) FROM pg_stat_activity'
    await psql(`${backends} WHERE application_name = 'welcome'`)
    expect((await ask('/')).status).toBe(200)
    await docker('restart', 'db')
    const isBack = async (): Promise<boolean> => (await ask('/')).status === 200
    await until(isBack, { deadlineMs: 30_000, everyMs: 200, what: 'the page counts again' })
    expect(await visits()).toBe(before + 2)
  }, 60_000)

  it('loses no visit when many come at once, and shows no password when there is no database', async () => {
    const before = await visits()
    const answers = await Promise.all(Array.from({ length: 40 }, () => ask('/')))
    expect(answers.every(({ status }) => status === 200)).toBe(true)
    expect(await visits()).toBe(before + 40)
    await docker('stop', 'db')
    const answer = await ask('/')
    expect(answer.status).toBe(503)
    const text = await answer.text()
    expect(text).toContain('the database does not answer')
    expect(text).not.toContain('second')
    expect(await docker('logs', 'web')).not.toMatch(/second|Traceback/)
    expect((await ask('/../etc/passwd')).status).toBe(404)
  })

  it('ends in time when it is told to', async () => {
    const startedMs = performance.now()
    await docker('stop', '--time=10', 'web')
    expect(performance.now() - startedMs).toBeLessThan(5000)
    expect(await docker('inspect', '--format={{.State.ExitCode}}', 'web')).toBe('0')
  })
})
