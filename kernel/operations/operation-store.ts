import type { Clock } from '@polis/lib/clock'
import { toJson } from '@polis/lib/json'
import { KeyedSerial } from '../controller/keyed-serial.ts'
import type { Journal } from '../journal/journal.ts'
import type { Store, Write } from '../store/store.ts'
import { OperationRecord } from './goal.ts'
import { Operation } from './operation.ts'

const PREFIX = 'operation/'
const ENDED = 'operation.ended'

export interface OperationStoreDeps {
  readonly store: Store
  readonly journal: Journal
  readonly clock: Clock
}

type Listener = (operation: Operation) => void

/** Running operations stand in the store, so that they begin in one transaction with their intent; ended ones in the journal. */
export class OperationStore {
  readonly #deps: OperationStoreDeps
  readonly #running = new Map<string, OperationRecord>()
  readonly #listeners = new Set<Listener>()
  /** Taken up from an earlier process, which may have written their end down already. */
  readonly #resumed = new Set<string>()
  readonly #serial = new KeyedSerial()

  constructor(deps: OperationStoreDeps) {
    this.#deps = deps
  }

  /** The write that begins an operation: goes into the transaction of its intent. Then call `begun`. */
  toWrite(record: OperationRecord): Write {
    return { put: `${PREFIX}${record.operation.id}`, value: toJson(record) }
  }

  begun(record: OperationRecord): void {
    this.#running.set(record.operation.id, record)
    this.#tell(record.operation)
  }

  /** Takes up what was running when the process ended. */
  async load(): Promise<void> {
    const page = await this.#deps.store.list(PREFIX)
    for (const entry of page.entries) {
      const record = OperationRecord.parse(entry.value)
      this.#running.set(record.operation.id, record)
      this.#resumed.add(record.operation.id)
    }
  }

  running(): readonly OperationRecord[] {
    return [...this.#running.values()]
  }

  findRunning(id: string): OperationRecord | undefined {
    return this.#running.get(id)
  }

  /** Changes a running operation, one change after the other; undefined when it has ended meanwhile. */
  async update(
    id: string,
    change: (record: OperationRecord) => OperationRecord,
  ): Promise<OperationRecord | undefined> {
    let updated: OperationRecord | undefined
    await this.#serial.run(id, async () => {
      const record = this.#running.get(id)
      if (record === undefined) return
      const next = change(record)
      await this.#deps.store.transact({ writes: [this.toWrite(next)] })
      this.#running.set(id, next)
      this.#tell(next.operation)
      updated = next
    })
    return updated
  }

  /** Ends an operation: first written down for good, then no longer running. Repeated after a crash it is written down once. */
  async end(operation: Operation): Promise<void> {
    const { id } = operation
    const isWritten = this.#resumed.has(id) && (await this.positionOf(id)) !== undefined
    if (!isWritten) await this.#writeEnd(operation)
    await this.#deps.store.transact({ writes: [{ remove: `${PREFIX}${id}` }] })
    this.#running.delete(id)
    this.#resumed.delete(id)
    this.#tell(operation)
  }

  async #writeEnd(operation: Operation): Promise<void> {
    const { journal, clock } = this.#deps
    const isDone = operation.status === 'done'
    await journal.append([
      {
        at: clock.now(),
        type: ENDED,
        level: isDone ? 'info' : 'error',
        message: isDone
          ? `${operation.title}: done`
          : `${operation.title}: ${operation.error?.message ?? operation.status}`,
        requestId: operation.requestId,
        operationId: operation.id,
        actor: operation.actor.name,
        fields: { operation: toJson(operation) },
        ...(operation.projectUid === undefined ? {} : { project: operation.projectUid }),
        ...(operation.targetUid === undefined ? {} : { objectUid: operation.targetUid }),
      },
    ])
  }

  async find(id: string): Promise<Operation | undefined> {
    const running = this.#running.get(id)
    if (running !== undefined) return running.operation
    const [ended] = await this.#deps.journal.query({ operationId: id, type: ENDED, limit: 1 })
    return ended === undefined ? undefined : Operation.parse(ended.fields['operation'])
  }

  /** Ended operations, newest first, older than the journal id `before`. */
  async listEnded(
    limit: number,
    before: number | undefined,
    project: readonly string[] | undefined,
  ): Promise<readonly Operation[]> {
    const records = await this.#deps.journal.query({
      type: ENDED,
      limit,
      order: 'newest-first',
      ...(before === undefined ? {} : { before }),
      ...(project === undefined ? {} : { project }),
    })
    return records.map((record) => Operation.parse(record.fields['operation']))
  }

  /** Journal id of an ended operation, for paging. */
  async positionOf(id: string): Promise<number | undefined> {
    const [ended] = await this.#deps.journal.query({ operationId: id, type: ENDED, limit: 1 })
    return ended?.id
  }

  subscribe(listener: Listener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #tell(operation: Operation): void {
    for (const listener of this.#listeners) listener(operation)
  }
}
