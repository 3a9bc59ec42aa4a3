// Taking folders away without ever going through a mount: what lies behind one is somebody's data.
import { lstat, readdir, rmdir, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { PolisError } from '@polis/lib/error'
import { errnoOf } from './errors.ts'
import { isWithin, readMounts } from './mountinfo.ts'

async function refuseMounts(path: string): Promise<void> {
  const found = (await readMounts()).find(({ mountPoint }) => isWithin(mountPoint, path))
  if (found === undefined) return
  throw new PolisError('FailedPrecondition', `not deleting ${path}: ${found.mountPoint} is mounted`)
}

async function removeBelow(path: string, device: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  const stat = await lstat(path)
  if (!stat.isDirectory()) return unlink(path)
  if (stat.dev !== device) {
    throw new PolisError('FailedPrecondition', `not deleting ${path}: another file system`)
  }
  for (const name of await readdir(path)) await removeBelow(join(path, name), device, signal)
  return rmdir(path)
}

/**
 * Deletes a file or folder with all it holds, on its own file system only; absent already is success.
 * Throws FailedPrecondition, before anything is deleted, when something is mounted at or below it.
 */
export async function removeFolder(path: string, signal: AbortSignal): Promise<void> {
  await refuseMounts(path)
  try {
    const { dev } = await lstat(path)
    await removeBelow(path, dev, signal)
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
  }
}

export async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path)
    return true
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false
    throw error
  }
}
