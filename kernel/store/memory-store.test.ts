import { storeConformance } from './conformance.ts'
import { openMemoryStore } from './memory-store.ts'

storeConformance('memory store', {
  open: async (clock) => openMemoryStore({ clock }),
})
