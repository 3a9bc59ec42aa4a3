import { copyFile, stat, truncate } from 'node:fs/promises'

const MAX_BYTES = 32 * 1024 * 1024

/**
 * Bounds the log that HAProxy appends to by itself, agent or no agent: what there is becomes `<path>.1`, and the file
 * goes on empty. HAProxy holds it open for appending, so it is emptied rather than replaced; lines written during the
 * copy are lost.
 */
export async function rotateAccessLog(path: string, maxBytes: number = MAX_BYTES): Promise<void> {
  const size = await stat(path).then(
    (found) => found.size,
    () => 0,
  )
  if (size < maxBytes) return
  await copyFile(path, `${path}.1`)
  await truncate(path)
}
