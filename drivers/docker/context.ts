// A build context on its way to the engine: kept on disk, proven whole, looked through, and packed anew without what lies
// beside it in the archive.
import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { posix } from 'node:path'
import { Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { PolisError } from '@polis/lib/error'
import { extract, type Header, pack, type Pack } from 'tar-stream'

/** No sensible Dockerfile comes near it; read into memory. */
const MAX_DOCKERFILE_BYTES = 1024 * 1024

/** Writes the archive to `path`. Throws InvalidArgument when it is not the one of that digest. */
export async function keepArchive(
  archive: ReadableStream<Uint8Array>,
  digest: string,
  path: string,
  signal: AbortSignal,
): Promise<void> {
  const hash = createHash('sha256')
  const hashing = new Transform({
    transform: (chunk: Buffer, _encoding, done) => {
      hash.update(chunk)
      done(null, chunk)
    },
  })
  try {
    await pipeline(archive, hashing, createWriteStream(path), { signal })
  } catch (cause) {
    const isFull = cause instanceof Error && 'code' in cause && cause.code === 'ENOSPC'
    if (!isFull) throw cause
    throw new PolisError('ResourceExhausted', 'no space is left for the build context', { cause })
  }
  if (`sha256:${hash.digest('hex')}` === digest) return
  throw new PolisError('InvalidArgument', 'the build context was damaged on its way', {
    path: 'contextDigest',
  })
}

/** A path inside the archive, or inside the context, in its plainest form. Throws InvalidArgument when it leads out. */
export function plainPath(path: string, field: string): string {
  const plain = posix.normalize(path).replace(/\/$/, '')
  const leadsOut = plain === '..' || plain.startsWith('../')
  if (path !== '' && !path.includes('\0') && !plain.startsWith('/') && !leadsOut) return plain
  const message = `${JSON.stringify(path)} leads out of the build context`
  throw new PolisError('InvalidArgument', message, { path: field })
}

/** Path below `contextPath`; undefined for what lies beside it. */
function below(contextPath: string, entryPath: string): string | undefined {
  if (contextPath === '.') return entryPath
  if (entryPath === contextPath) return '.'
  return entryPath.startsWith(`${contextPath}/`)
    ? entryPath.slice(contextPath.length + 1)
    : undefined
}

interface Entry extends AsyncIterable<unknown> {
  readonly header: Header
}

/** Walks the archive's entries. What `visit` does not read is skipped. */
async function walk(
  path: string,
  signal: AbortSignal,
  visit: (header: Header, content: Entry) => Promise<void>,
): Promise<void> {
  const entries = extract()
  const feeding = pipeline(createReadStream(path), entries, { signal })
  feeding.catch(() => undefined) // told below, where the entries end
  try {
    for await (const entry of entries) {
      // It ends with the archive's error, which is told below.
      entry.on('error', () => undefined)
      await visit(entry.header, entry)
      entry.resume()
    }
    await feeding
  } catch (cause) {
    signal.throwIfAborted()
    if (cause instanceof PolisError) throw cause
    throw new PolisError('InvalidArgument', 'the build context is no tar archive', {
      cause,
      path: 'contextDigest',
    })
  }
}

async function* bytesOf(entry: Entry): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of entry) if (chunk instanceof Uint8Array) yield chunk
}

/**
 * The Dockerfile's text; undefined when the context has no plain file of that path. Throws InvalidArgument, with its
 * name, for an entry that leads out of the archive.
 */
export async function findDockerfile(
  archivePath: string,
  contextPath: string,
  dockerfile: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  let text: string | undefined
  await walk(archivePath, signal, async (header, content) => {
    const name = plainPath(header.name, 'contextDigest')
    if (header.type === 'link') plainPath(header.linkname, 'contextDigest')
    if (header.type !== 'file' || below(contextPath, name) !== dockerfile) return
    if (header.size > MAX_DOCKERFILE_BYTES) {
      throw new PolisError('InvalidArgument', 'the Dockerfile is too large', { path: 'dockerfile' })
    }
    const chunks: Uint8Array[] = []
    for await (const chunk of bytesOf(content)) chunks.push(chunk)
    text = Buffer.concat(chunks).toString('utf8')
  })
  return text
}

async function repack(
  archivePath: string,
  contextPath: string,
  target: Pack,
  signal: AbortSignal,
): Promise<void> {
  await walk(archivePath, signal, async (header, content) => {
    const name = below(contextPath, plainPath(header.name, 'contextDigest'))
    if (name === undefined || name === '.') return
    const isLink = header.type === 'link'
    const linkname = isLink
      ? below(contextPath, plainPath(header.linkname, 'contextDigest'))
      : header.linkname
    if (linkname === undefined) {
      const message = `${header.name} is a hard link to a file beside the build context`
      throw new PolisError('InvalidArgument', message, { path: 'contextPath' })
    }
    // Paths in `pax` records, where long ones are, would win over these.
    await addEntry(target, { ...header, name, linkname, pax: null }, content, signal)
  })
  target.finalize()
}

async function addEntry(
  target: Pack,
  header: Header,
  content: Entry,
  signal: AbortSignal,
): Promise<void> {
  const aborted = Promise.withResolvers<never>()
  const added = Promise.withResolvers<void>()
  for (const { promise } of [aborted, added]) promise.catch(() => undefined)
  const onAbort = (): void => aborted.reject(signal.reason)
  signal.throwIfAborted()
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    const entry = target.entry(header, (error) => (error ? added.reject(error) : added.resolve()))
    entry.on('error', () => undefined) // told by the callback
    for await (const chunk of bytesOf(content)) {
      if (entry.write(chunk)) continue
      const drained = new Promise<void>((resolve) => entry.once('drain', () => resolve()))
      await Promise.race([drained, aborted.promise])
    }
    entry.end(null)
    await Promise.race([added.promise, aborted.promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

/** The context alone, as an archive of its own; ends with the error when the archive cannot be read. */
export function openContext(
  archivePath: string,
  contextPath: string,
  signal: AbortSignal,
): Readable {
  if (contextPath === '.') return createReadStream(archivePath)
  return Readable.from(repacked(archivePath, contextPath, signal))
}

async function* repacked(
  archivePath: string,
  contextPath: string,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const target = pack()
  const leaving = new AbortController()
  const either = AbortSignal.any([signal, leaving.signal])
  const filling = repack(archivePath, contextPath, target, either).catch((error: unknown) => {
    target.destroy(error instanceof Error ? error : new Error('could not read the build context'))
  })
  try {
    for await (const chunk of target) if (chunk instanceof Uint8Array) yield chunk
  } finally {
    leaving.abort()
    await filling
  }
}
