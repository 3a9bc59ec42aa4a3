import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from '@polis/lib/run'
import { expect, it, onTestFinished } from 'vitest'
import { homeAt } from '../home.ts'
import { polisServices } from './service-list.ts'
import { toUnit } from './systemd-services.ts'

const HOME = '/srv/a folder/50%'
const services = polisServices(homeAt(HOME), {
  http_proxy: 'http://proxy:3128/"$x"',
  SECRET: 'no',
})

it('are units that systemd accepts', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'polis-units-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  for (const service of services) {
    const path = join(folder, `polis-${service.name}.service`)
    // The program must exist for systemd to accept it, and this test builds none.
    writeFileSync(path, toUnit({ ...service, args: ['x y', '$HOME', '%n'] }, HOME))
    const { stderr } = await run('systemd-analyze', ['verify', '--man=no', path], {
      signal: AbortSignal.timeout(20_000),
    })
    expect(stderr.split('\n').filter((line) => line.includes('polis-'))).toEqual([])
  }
})

it('say what is to run, under which environment, and leave the edge alone', () => {
  const [server] = services
  if (server === undefined) throw new Error('no server')
  const lines = toUnit(server, HOME).split('\n')
  const args = server.args.map((arg) => `"${arg}"`).join(' ')
  expect(lines).toContain(`ExecStart="${process.execPath}" ${args}`)
  expect(lines).toContain('Environment="POLIS_HOME=/srv/a folder/50%%"')
  expect(lines).toContain(String.raw`Environment="http_proxy=http://proxy:3128/\"$x\""`)
  for (const line of ['KillMode=process', 'Restart=always', 'WantedBy=multi-user.target']) {
    expect(lines).toContain(line)
  }
  expect(lines.join('\n')).not.toContain('SECRET')
})

it('change with the build, so that a new one is started', () => {
  const [server] = services
  if (server === undefined) throw new Error('no server')
  expect(toUnit({ ...server, build: 'a' }, HOME)).not.toBe(toUnit({ ...server, build: 'b' }, HOME))
})
