import type { ObjectChange } from '../objects/change.ts'
import type { ObjectWriter } from '../objects/object-writer.ts'

/** Objects in one transaction: the largest has about ten operations of the hundred that a transaction may have. */
const CHANGES_AT_ONCE = 8

/** Commits changes in order, several at a time. Stopped in between, the rest is asked for again by the next look. */
export async function commitInOrder(
  writer: ObjectWriter,
  changes: readonly ObjectChange[],
): Promise<void> {
  for (let start = 0; start < changes.length; start += CHANGES_AT_ONCE) {
    await writer.commit(changes.slice(start, start + CHANGES_AT_ONCE))
  }
}
