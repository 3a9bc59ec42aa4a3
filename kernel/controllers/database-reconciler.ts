import type { PolisError } from '@polis/lib/error'
import type { Database } from '@polis/resources/database'
import type { Reconciler, Result } from '../controller/controller.ts'
import { isIntentNews } from '../controller/news.ts'
import { failure, readiness } from '../controller/report.ts'
import type { ObjectEvent } from '../objects/object-cache.ts'
import type { ReconcilerDeps } from './deps.ts'
import { portOf } from './device-port.ts'

const RESYNC_MS = 5 * 60_000

/** Keeps databases and their roles on their devices as the objects say. */
export class DatabaseReconciler implements Reconciler {
  readonly name = 'database'
  readonly concurrency = 4
  readonly #deps: ReconcilerDeps

  constructor(deps: ReconcilerDeps) {
    this.#deps = deps
  }

  keysOf(event: ObjectEvent): readonly string[] {
    const object = event.after ?? event.before
    if (object === undefined) return []
    if (object.kind === 'Database' && !isIntentNews(event)) return []
    if (object.kind === 'Database') return [object.metadata.uid]
    if (object.kind !== 'Secret' && object.kind !== 'Device') return []
    // A rotated password, or a device that came up.
    return this.#deps.cache
      .guardsOf(object.metadata.uid)
      .flatMap((guard) => (guard.kind === 'Database' ? [guard.metadata.uid] : []))
  }

  allKeys(): readonly string[] {
    return this.#deps.cache.list('Database').map(({ metadata }) => metadata.uid)
  }

  requestIdOf(uid: string): string | undefined {
    return this.#deps.cache.find('Database', uid)?.metadata.requestId
  }

  async reconcile(uid: string, signal: AbortSignal): Promise<Result> {
    const { cache, writer, clock, sealer } = this.#deps
    const database = cache.find('Database', uid)
    if (database === undefined) return { kind: 'settled' }
    const { spec, metadata } = database
    const port = portOf(this.#deps, 'database', cache.get('Device', spec.deviceUid))
    if (metadata.deletionRequestedAt !== undefined) {
      await port.removeDatabase({ uid }, signal)
      await this.#remove(database)
      return { kind: 'settled' }
    }
    const secret = cache.get('Secret', spec.passwordUid)
    const isOpen = spec.binnedAt === undefined
    const observed = await port.ensureDatabase(
      {
        uid,
        databaseName: spec.databaseName,
        roleName: spec.roleName,
        password: sealer.unseal(secret.spec.sealedValue, secret.metadata.uid),
        isOpen,
      },
      signal,
    )
    await writer.amend('Database', uid, (current) =>
      readiness(
        current,
        {
          status: 'True',
          reason: isOpen ? 'Open' : 'InBin',
          message: isOpen ? '' : 'closed, waiting in the bin',
        },
        clock,
        { sizeBytes: observed.sizeBytes },
        metadata.generation,
      ),
    )
    return { kind: 'requeue', afterMs: RESYNC_MS }
  }

  async report(uid: string, error: PolisError): Promise<void> {
    const { cache, writer, clock } = this.#deps
    const database = cache.find('Database', uid)
    const change = database && readiness(database, failure(error), clock)
    if (change !== undefined) await writer.commit([change])
  }

  /** The password's secret goes with its database. */
  async #remove(database: Database): Promise<void> {
    const { cache, writer } = this.#deps
    await writer.commit([{ type: 'remove', before: database }])
    const secret = cache.find('Secret', database.spec.passwordUid)
    if (secret !== undefined) await writer.commit([{ type: 'requestDeletion', before: secret }])
  }
}
