import { createHash } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { extract, pack } from 'tar-stream'
import { expect, onTestFinished, test } from 'vitest'
import { findDockerfile, keepArchive, openContext, plainPath } from './context.ts'

type Entry = Parameters<ReturnType<typeof pack>['entry']>[0] & { readonly text?: string }

const signal = (): AbortSignal => AbortSignal.timeout(10_000)

async function newPath(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'polis-context-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  return join(folder, 'context.tar')
}

async function archiveOf(entries: readonly Entry[]): Promise<string> {
  const tar = pack()
  for (const { text = '', ...header } of entries) tar.entry(header, text)
  tar.finalize()
  const path = await newPath()
  await writeFile(path, await buffer(Readable.from(tar)))
  return path
}

/** Name to content, link target or type of what the engine would get. */
async function read(path: string, contextPath: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {}
  const entries = extract()
  Readable.from(openContext(path, contextPath, signal())).pipe(entries as never)
  for await (const entry of entries) {
    const { name, type, linkname } = entry.header
    const text = (await buffer(Readable.from(entry))).toString('utf8')
    found[name] = type === 'file' ? text : `${type} ${linkname}`
  }
  return found
}

const long = 'deep/'.repeat(60)

test('the context is what lies below its path, under names of its own', async () => {
  const large = 'x'.repeat(3_000_000)
  const path = await archiveOf([
    { name: 'beside', text: '1' },
    { name: './parts/web/', type: 'directory' },
    { name: './parts/web/Dockerfile', text: 'FROM a' },
    { name: 'parts/web/large', text: large },
    { name: `parts/web/${long}file`, text: 'long' },
    { name: 'parts/web/hard', type: 'link', linkname: 'parts/web/Dockerfile' },
    { name: 'parts/web/soft', type: 'symlink', linkname: '../../beside' },
    { name: 'parts/website', text: 'no' },
  ])
  expect(await read(path, 'parts/web')).toEqual({
    Dockerfile: 'FROM a',
    large,
    [`${long}file`]: 'long',
    hard: 'link Dockerfile',
    soft: 'symlink ../../beside',
  })
  expect(await findDockerfile(path, 'parts/web', 'Dockerfile', signal())).toBe('FROM a')
  expect(await findDockerfile(path, '.', 'Dockerfile', signal())).toBeUndefined()
  expect(await findDockerfile(path, '.', 'parts/web/Dockerfile', signal())).toBe('FROM a')
})

test('an entry that leads out of the archive is refused by name', async () => {
  const paths = ['../x', 'a/../../x', '/etc/passwd']
  for (const name of paths) {
    const asFile = await archiveOf([{ name, text: 'x' }])
    await expect(findDockerfile(asFile, '.', 'D', signal())).rejects.toMatchObject({
      code: 'InvalidArgument',
    })
    const asLink = await archiveOf([{ name: 'a', type: 'link', linkname: name }])
    await expect(findDockerfile(asLink, '.', 'D', signal())).rejects.toThrow(name)
  }
  const beside = await archiveOf([{ name: 'c/a', type: 'link', linkname: 'secret' }])
  await expect(buffer(openContext(beside, 'c', signal()))).rejects.toThrow('hard link')
})

test('what is no archive, or a cut one, is an invalid argument', async () => {
  const path = await newPath()
  await writeFile(path, 'x'.repeat(4096))
  const reading = findDockerfile(path, '.', 'D', signal())
  await expect(reading).rejects.toMatchObject({ code: 'InvalidArgument' })
  const whole = await archiveOf([{ name: 'a', text: 'x'.repeat(9_000) }])
  const cut = (await buffer(openContext(whole, '.', signal()))).subarray(0, 3_000)
  await writeFile(path, cut)
  await expect(buffer(openContext(path, 'b', signal()))).rejects.toMatchObject({
    code: 'InvalidArgument',
  })
})

test('an archive that is not the one of its digest is refused', async () => {
  const path = await newPath()
  const bytes = new TextEncoder().encode('abc')
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`
  const stream = (): ReadableStream<Uint8Array> => new Blob([bytes]).stream()
  await keepArchive(stream(), digest, path, signal())
  await expect(keepArchive(stream(), 'sha256:0', path, signal())).rejects.toThrow('damaged')
})

test('leaving a context half read ends it', async () => {
  const path = await archiveOf([
    { name: 'c/large', text: 'x'.repeat(3_000_000) },
    { name: 'c/more', text: 'x'.repeat(3_000_000) },
  ])
  for await (const chunk of openContext(path, 'c', signal())) {
    expect(chunk).toBeInstanceOf(Uint8Array)
    break
  }
  const aborted = new AbortController()
  const reading = (async () => {
    for await (const _ of openContext(path, 'c', aborted.signal)) aborted.abort()
  })()
  await expect(reading).rejects.toMatchObject({ name: 'AbortError' })
})

test('paths are made plain', () => {
  expect(plainPath('.', 'p')).toBe('.')
  expect(plainPath('./a//b/../c/', 'p')).toBe('a/c')
  for (const path of ['', '..', '../a', '/a', 'a\0b']) {
    expect(() => plainPath(path, 'p')).toThrow('leads out')
  }
})
