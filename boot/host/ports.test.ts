import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until } from '@polis/lib/until'
import { expect, it, onTestFinished } from 'vitest'
import { homeAt } from '../home.ts'
import { findConflicts, findSparePort } from './ports.ts'

const NO_DOCKER = '/nowhere/docker.sock'

function newHome(): ReturnType<typeof homeAt> {
  const folder = mkdtempSync(join(tmpdir(), 'polis-ports-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return homeAt(folder)
}

it('names who listens, and offers what is free', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const home = newHome()
  const conflicts = await findConflicts(home, [address.port], NO_DOCKER)
  expect(conflicts.map(({ port }) => port)).toEqual([address.port])
  expect(conflicts[0]?.owner).toContain(`(pid ${process.pid})`)
  const spare = await findSparePort(home, address.port - 1, NO_DOCKER)
  expect(spare).toBeGreaterThan(address.port)
  expect(await findConflicts(home, [spare], NO_DOCKER)).toEqual([])
})

it("takes the installation's own programs for no conflict", async () => {
  const home = newHome()
  const code = `const s = require('node:net').createServer().listen(0, '127.0.0.1', () => console.log(s.address().port))`
  const env = { PATH: process.env['PATH'], POLIS_HOME: home.root }
  const child = spawn(process.execPath, ['-e', code], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  let text = ''
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')))
  await once(child.stdout, 'data')
  const port = Number(text)
  expect(await findConflicts(home, [port], NO_DOCKER)).toEqual([])
  expect(await findConflicts(homeAt('/nowhere/else'), [port], NO_DOCKER)).toHaveLength(1)
  child.kill('SIGKILL')
  await until(() => child.signalCode !== null, { deadlineMs: 5000, what: 'the child ends' })
})
