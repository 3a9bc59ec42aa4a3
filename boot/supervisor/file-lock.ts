// A lock that ends with whoever holds it, kill -9 included: SQLite's own, since Node offers no flock.
import { DatabaseSync } from 'node:sqlite'

export interface FileLock {
  release(): void
}

/** Undefined while another one holds it. */
export function tryLock(path: string): FileLock | undefined {
  const database = new DatabaseSync(path, { timeout: 0 })
  try {
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
  } catch (error) {
    database.close()
    if (error instanceof Error && /locked|busy/.test(error.message)) return undefined
    throw error
  }
  return { release: () => database.close() }
}
