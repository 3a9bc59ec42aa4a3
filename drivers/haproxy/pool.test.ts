// Domains without reloads, on the real engine.
import { readFile } from 'node:fs/promises'
import {
  httpRoute,
  openSubject,
  portRoute,
  signal,
  tableOf,
} from '@polis/hal/ingress/conformance-subject'
import { openTestDriverHost } from '@polis/test/driver-host'
import { expect, test, vi } from 'vitest'
import { launchDetached } from './launch.ts'
import { layoutOf } from './layout.ts'
import { Master } from './master.ts'
import { openHaproxySubject } from './test-subject.ts'

// Engines take their time on a busy machine.
vi.setConfig({ testTimeout: 60_000 })

test(
  'domains come and go in one worker; when the spare routes are used up, a reload costs nothing',
  { timeout: 60_000 },
  async () => {
    const subject = await openHaproxySubject(await openTestDriverHost(), { spareRoutes: 8 })
    const { ingress, world, host } = await openSubject(async () => subject).then(() => subject)
    const one = await world.startServer('one')
    const master = new Master('haproxy', layoutOf(host), launchDetached)
    const workerPid = async (): Promise<number | undefined> =>
      (await master.find(signal()))?.workerPid
    const first = await workerPid()
    const load = world.startLoad('a.test')
    const fixed = httpRoute('a.test', [one])
    const applied: string[] = []
    const pids = new Set<number | undefined>()
    for (let turn = 0; turn < 16; turn += 1) {
      const http = [fixed, httpRoute(`h${turn}.test`, [one])]
      applied.push((await ingress.applyTable(tableOf({ http }), signal())).by)
      pids.add(await workerPid())
      expect(await world.get({ host: `h${turn}.test` })).toEqual({ status: 200, server: 'one' })
      expect(await world.get({ host: `h${turn - 1}.test` })).toEqual({ status: 404 })
    }
    expect(applied.slice(0, 7)).toEqual(Array.from({ length: 7 }, () => 'runtime'))
    expect(applied.filter((by) => by === 'reload')).toHaveLength(1)
    expect([...pids]).toHaveLength(2)
    expect(pids).toContain(first)
    const { failures } = await load.stop()
    expect(failures.filter((words) => words !== 'status 404')).toEqual([])
  },
)

test('an idle edge is small, and its worker is nobody', async () => {
  const subject = await openHaproxySubject(await openTestDriverHost())
  const { host } = await openSubject(async () => subject).then(() => subject)
  const running = await new Master('haproxy', layoutOf(host), launchDetached).find(signal())
  const statusOf = (pid = 0): Promise<string> => readFile(`/proc/${pid}/status`, 'utf8')
  const [master, worker] = [await statusOf(running?.masterPid), await statusOf(running?.workerPid)]
  const residentKb = [master, worker].map((text) =>
    Number(/VmRSS:\s+(?<kb>\d+)/.exec(text)?.groups?.['kb']),
  )
  expect(residentKb.reduce((sum, kb) => sum + kb, 0)).toBeLessThan(40_000)
  expect(/^Uid:\t(?<uid>\d+)/m.exec(worker)?.groups?.['uid']).not.toBe('0')
})

test('1,000 endpoints and a reload fit the files that a process may have open', async () => {
  const subject = await openHaproxySubject(await openTestDriverHost(), {
    maxConnections: 1_000_000,
  })
  const { ingress, world } = await openSubject(async () => subject)
  const [one, two] = [await world.startServer('one'), await world.startServer('two')]
  const http = Array.from({ length: 500 }, (_, index) => httpRoute(`h${index}.test`, [one, two]))
  await ingress.applyTable(tableOf({ http }), signal())
  const ports = [portRoute('127.0.0.1', await world.freePort(), [one])]
  expect(await ingress.applyTable(tableOf({ http, ports }), signal())).toEqual({ by: 'reload' })
  expect(await world.get({ host: 'h499.test' })).toMatchObject({ status: 200 })
})
