import type { Devices } from '@polis/hal/ports'
import type { Clock } from '@polis/lib/clock'
import type { Logger } from '@polis/lib/logger'
import type { Journal } from '../journal/journal.ts'
import type { ObjectCache } from '../objects/object-cache.ts'
import type { ObjectWriter } from '../objects/object-writer.ts'
import type { SecretSealer } from '../identity/secret-sealing.ts'

/** What every reconciler is given. */
export interface ReconcilerDeps {
  readonly cache: ObjectCache
  readonly writer: ObjectWriter
  readonly devices: Devices
  readonly journal: Journal
  readonly clock: Clock
  readonly logger: Logger
  readonly sealer: SecretSealer
}
