import { lstat, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { FileIdentityStore } from './file-identity-store.ts'

const IDENTITY = {
  installationUid: 'i',
  nodeUid: 'n',
  nodeName: 'web-1',
  certificatePem: 'certificate',
  caPem: 'ca',
  privateKeyPem: 'very secret key',
}

let folder: string
let path: string
let store: FileIdentityStore

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'polis-identity-'))
  path = join(folder, 'agent', 'identity.json')
  store = new FileIdentityStore(path)
})

afterEach(async () => {
  await rm(folder, { recursive: true, force: true })
})

test('what was saved is loaded, the newest of it', async () => {
  expect(await store.load()).toBeUndefined()
  await store.save(IDENTITY)
  await store.save({ ...IDENTITY, certificatePem: 'newer' })
  expect(await new FileIdentityStore(path).load()).toEqual({ ...IDENTITY, certificatePem: 'newer' })
  expect(await readdir(join(folder, 'agent'))).toEqual(['identity.json'])
})

test('the key to enrol with stays the same until the identity is there', async () => {
  let made = 0
  const make = async () => {
    made += 1
    return { privateKeyPem: `key ${made}`, certificateRequestPem: `request ${made}` }
  }
  const first = await store.pendingKey(make)
  expect(await new FileIdentityStore(path).pendingKey(make)).toEqual(first)
  expect((await stat(`${path}.pending`)).mode & 0o777).toBe(0o600)
  await store.save(IDENTITY)
  expect(await store.pendingKey(make)).not.toEqual(first)
})

test('only its owner may read it, whatever the umask', async () => {
  const umask = process.umask(0)
  try {
    await store.save(IDENTITY)
  } finally {
    process.umask(umask)
  }
  expect((await stat(path)).mode & 0o777).toBe(0o600)
  expect((await stat(join(folder, 'agent'))).mode & 0o777).toBe(0o700)
})

test('what a crash left half-written is no obstacle, and a planted link is not followed', async () => {
  await store.save(IDENTITY)
  const victim = join(folder, 'victim')
  await writeFile(victim, 'untouched')
  await symlink(victim, `${path}.next`)
  await store.save({ ...IDENTITY, nodeName: 'web-2' })
  expect(await readFile(victim, 'utf8')).toBe('untouched')
  expect((await lstat(path)).isFile()).toBe(true)
  expect(await store.load()).toMatchObject({ nodeName: 'web-2' })
})

test.each(['', '{', '[]', '{"nodeUid":"very secret key"}', 'very secret key'])(
  'a file that says %j is refused without being quoted',
  async (text) => {
    await store.save(IDENTITY)
    await writeFile(path, text)
    const error = await store.load().catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'FailedPrecondition' })
    const { message, cause } = error as Error
    expect(`${message} ${String(cause)}`).not.toContain('secret')
  },
)

test('a folder that cannot be written is an error, and the old identity stays', async () => {
  await store.save(IDENTITY)
  const blocked = new FileIdentityStore(join(path, 'below-a-file.json'))
  await expect(blocked.save(IDENTITY)).rejects.toMatchObject({ code: 'Unavailable' })
  expect(await store.load()).toEqual(IDENTITY)
})
