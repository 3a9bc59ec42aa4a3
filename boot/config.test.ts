import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { newUid } from '@polis/lib/uid'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { findConfig, newConfig, parseConfig, readConfig, writeConfig } from './config.ts'
import { homeAt, homeOf, makeHome } from './home.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'polis-config-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const choices = {
  installationUid: newUid(),
  httpPort: 80,
  httpsPort: 443,
  dockerSocketPath: '/run/docker.sock',
  imagesDir: '/srv/polis/images',
}

it('is read back as it was written, by root alone', () => {
  const home = homeAt(join(folder, 'home'))
  makeHome(home)
  expect(findConfig(home)).toBeUndefined()
  expect(() => readConfig(home)).toThrow('there is no installation at')
  const config = newConfig(choices)
  writeConfig(home, config)
  expect(readConfig(home)).toEqual(config)
  expect(config.keyFile).toBe(`/etc/polis/${config.installationUid}.key`)
  expect(config.keyFile.startsWith(home.root)).toBe(false)
  expect(statSync(home.configFile).mode & 0o777).toBe(0o600)
  for (const path of [home.root, home.runDir, home.logsDir]) {
    expect(statSync(path).mode & 0o777).toBe(0o700)
  }
})

it('names everything that is wrong, with its path', () => {
  const config = newConfig(choices)
  const wrong = { ...config, api: { address: 'nowhere', port: 0 }, extra: 1 }
  let thrown: unknown
  try {
    parseConfig(JSON.stringify(wrong), 'config.json')
  } catch (error) {
    thrown = error
  }
  const paths = ['api.address', 'api.port', '']
  expect(thrown).toMatchObject({ problems: paths.map((path) => ({ path })) })
})

it.each([['{'], ['null'], ['[]'], ['{"version":2}']])('%s is refused', (text) => {
  const home = homeAt(folder)
  writeFileSync(home.configFile, text)
  expect(() => readConfig(home)).toThrow(home.configFile)
})

it('takes its place from POLIS_HOME, which must be absolute', () => {
  expect(homeOf({}).root).toBe('/var/lib/polis')
  expect(homeOf({ POLIS_HOME: '/srv/p' }).configFile).toBe('/srv/p/config.json')
  expect(() => homeOf({ POLIS_HOME: 'p' })).toThrow('absolute')
})
