import { silentLogger } from '@polis/lib/logger'
import type { Clock } from '@polis/lib/clock'
import { MemoryState } from './memory-state.ts'
import { VersionedStore } from './versioned-store.ts'
import type { Store } from './store.ts'

/** A store that is gone with its program: for tests. It sits the same exam as the others. */
export function openMemoryStore(deps: { readonly clock: Clock }): Store {
  const state = new MemoryState()
  const store = new VersionedStore({
    clock: deps.clock,
    logger: silentLogger,
    summary: state.summary(),
    backend: {
      find: async (key) => state.find(key),
      page: async (query) => state.page(query),
      changes: async (query) => state.changes(query),
      write: async (write) => {
        const result = state.apply(write)
        store.committed([result])
        return result
      },
      close: async () => undefined,
    },
  })
  return store
}
