import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PolisError } from '@polis/lib/error'
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { readConfig } from '../config.ts'
import { type Home, homeAt, makeHome } from '../home.ts'
import type { Io } from '../terminal/io.ts'
import { chooseConfig } from './choose-config.ts'
import { parseUpOptions } from './options.ts'

let home: Home
beforeEach(() => {
  home = homeAt(mkdtempSync(join(tmpdir(), 'polis-choose-')))
  makeHome(home)
})
afterEach(() => rmSync(home.root, { recursive: true, force: true }))

const io = (answer?: string): Io => ({
  env: {},
  out: { write: () => undefined },
  err: { write: () => undefined },
  ask: answer === undefined ? undefined : async () => answer,
  signal: AbortSignal.timeout(10_000),
})

async function taken(): Promise<number> {
  const server = createServer().listen(0, '0.0.0.0')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

const ports = ['--api-port=38750', '--agents-port=38751', '--http-port=38080', '--https-port=38443']

describe('the configuration', () => {
  it('is chosen once', async () => {
    const { config, isNew } = await chooseConfig(home, parseUpOptions(ports), io())
    expect(isNew).toBe(true)
    expect(config).toMatchObject({ api: { port: 38_750 }, edge: { httpPort: 38_080 } })
    expect(await chooseConfig(home, parseUpOptions([]), io())).toEqual({
      config,
      isNew: false,
      notes: [],
    })
    const later = await chooseConfig(home, parseUpOptions(['--http-port', '38081']), io())
    expect(later.config).toEqual({ ...config, edge: { httpPort: 38_081, httpsPort: 38_443 } })
    expect(readConfig(home)).toEqual(later.config)
  })

  it('refuses a port that is taken, naming its owner and another', async () => {
    const port = await taken()
    const options = parseUpOptions([...ports, `--http-port=${port}`])
    const refused = await chooseConfig(home, options, io()).catch((error: unknown) => error)
    if (!(refused instanceof PolisError)) throw new Error('it was not refused')
    expect(refused.message).toMatch(
      new RegExp(`^port ${port} is taken by .* \\(pid ${process.pid}\\)`),
    )
    expect(refused.hint).toContain('--http-port')
    expect(() => readConfig(home)).toThrow('there is no installation')
  })
})

describe('options', () => {
  it.each([[['--http-port', '0']], [['--http-port=x']], [['--nothing']], [['word']]])(
    '%j are wrong usage',
    (args) => {
      expect(() => parseUpOptions(args)).toThrow(expect.objectContaining({ path: 'usage' }))
    },
  )
})
