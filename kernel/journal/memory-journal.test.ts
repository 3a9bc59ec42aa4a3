import { journalConformance } from './conformance.ts'
import { openMemoryJournal } from './memory-journal.ts'

journalConformance('memory journal', async (clock) => openMemoryJournal({ clock }))
