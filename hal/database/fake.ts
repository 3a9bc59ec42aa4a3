import { PolisError } from '@polis/lib/error'
import type { Nothing, ObservedDevice } from '../driver.ts'
import { Faults } from '../faults.ts'
import type { DatabasePort, DatabaseSpec, ObservedDatabase } from './class.ts'

/** Who wants in, as an application says it. */
export interface DatabaseLogin {
  readonly databaseName: string
  readonly roleName: string
  readonly password: string
}

interface FakeDatabase {
  readonly spec: DatabaseSpec
  readonly rows: Map<string, string>
  readonly sessions: Set<FakeSession>
}

const MAX_NAME_BYTES = 63

/** A signed-in application's connection. */
export class FakeSession {
  readonly #rows: Map<string, string>
  #isOpen = true

  constructor(rows: Map<string, string>) {
    this.#rows = rows
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  put(key: string, value: string): void {
    this.#requireOpen()
    this.#rows.set(key, value)
  }

  get(key: string): string | undefined {
    this.#requireOpen()
    return this.#rows.get(key)
  }

  end(): void {
    this.#isOpen = false
  }

  #requireOpen(): void {
    if (!this.#isOpen) throw new PolisError('Unavailable', 'the session was ended')
  }
}

/** A database server in memory. `signIn` is what an application does; `addForeign` is what somebody else did. */
export class FakeDatabaseServer implements DatabasePort {
  readonly #faults = new Faults<keyof DatabasePort>()
  readonly #databases = new Map<string, FakeDatabase>()
  readonly #foreign = new Set<string>()

  // Levers

  failNext(error: PolisError, method?: keyof DatabasePort): void {
    this.#faults.failNext(error, method)
  }

  setAway(isAway: boolean): void {
    this.#faults.setAway(isAway)
  }

  /** Undefined when the server refuses: no such database or role, closed, or a wrong password. */
  signIn(login: DatabaseLogin): FakeSession | undefined {
    const found = [...this.#databases.values()].find(
      ({ spec }) =>
        spec.isOpen &&
        spec.databaseName === login.databaseName &&
        spec.roleName === login.roleName &&
        spec.password === login.password,
    )
    if (found === undefined) return undefined
    const session = new FakeSession(found.rows)
    found.sessions.add(session)
    return session
  }

  /** A database that somebody else made on this server. */
  addForeign(databaseName: string): void {
    this.#foreign.add(databaseName)
  }

  /** Names of all databases, Polis' and others'. */
  get databaseNames(): readonly string[] {
    const own = [...this.#databases.values()].map(({ spec }) => spec.databaseName)
    return [...this.#foreign, ...own].toSorted()
  }

  // Port

  async ensureDevice(_: Nothing, signal: AbortSignal): Promise<ObservedDevice> {
    this.#faults.enter('ensureDevice', signal)
    return this.#observe()
  }

  async observeDevice(_: Nothing, signal: AbortSignal): Promise<ObservedDevice> {
    this.#faults.enter('observeDevice', signal)
    return this.#observe()
  }

  async removeDevice(_: Nothing, signal: AbortSignal): Promise<Nothing> {
    this.#faults.enter('removeDevice', signal)
    for (const database of this.#databases.values()) endSessions(database)
    return {}
  }

  async ensureDatabase(input: DatabaseSpec, signal: AbortSignal): Promise<ObservedDatabase> {
    this.#faults.enter('ensureDatabase', signal)
    requireName(input.databaseName, 'databaseName')
    requireName(input.roleName, 'roleName')
    const known = this.#databases.get(input.uid)
    if (known === undefined) this.#requireFree(input)
    else requireSameNames(known.spec, input)
    const database = {
      spec: { ...input },
      rows: known?.rows ?? new Map<string, string>(),
      sessions: known?.sessions ?? new Set<FakeSession>(),
    }
    if (!input.isOpen) endSessions(database)
    this.#databases.set(input.uid, database)
    return observed(database)
  }

  async removeDatabase(input: { uid: string }, signal: AbortSignal): Promise<Nothing> {
    this.#faults.enter('removeDatabase', signal)
    const database = this.#databases.get(input.uid)
    if (database !== undefined) endSessions(database)
    this.#databases.delete(input.uid)
    return {}
  }

  async listDatabases(_: Nothing, signal: AbortSignal): Promise<{ databases: ObservedDatabase[] }> {
    this.#faults.enter('listDatabases', signal)
    return { databases: [...this.#databases.values()].map(observed) }
  }

  #observe(): ObservedDevice {
    const facts = { address: '127.0.0.1:5432' }
    return { isReady: true, engineVersion: 'fake', message: '', facts }
  }

  #requireFree({ databaseName, roleName }: DatabaseSpec): void {
    const specs = [...this.#databases.values()].map(({ spec }) => spec)
    const isNameTaken =
      this.#foreign.has(databaseName) || specs.some((spec) => spec.databaseName === databaseName)
    if (isNameTaken) {
      throw new PolisError('AlreadyExists', `database ${databaseName} belongs to something else`)
    }
    if (specs.some((spec) => spec.roleName === roleName)) {
      throw new PolisError('AlreadyExists', `role ${roleName} belongs to something else`)
    }
  }
}

function requireName(name: string, path: string): void {
  const bytes = new TextEncoder().encode(name).length
  if (bytes > 0 && bytes <= MAX_NAME_BYTES && !name.includes('\0')) return
  throw new PolisError('InvalidArgument', `must have 1 to ${MAX_NAME_BYTES} bytes`, { path })
}

function requireSameNames(known: DatabaseSpec, wanted: DatabaseSpec): void {
  if (known.databaseName === wanted.databaseName && known.roleName === wanted.roleName) return
  throw new PolisError('FailedPrecondition', `database ${known.databaseName} keeps its names`)
}

function endSessions(database: FakeDatabase): void {
  for (const session of database.sessions) session.end()
  database.sessions.clear()
}

function observed({ spec, rows }: FakeDatabase): ObservedDatabase {
  const { uid, databaseName, roleName, isOpen } = spec
  const sizeBytes = [...rows].reduce((sum, [key, value]) => sum + key.length + value.length, 0)
  return { uid, databaseName, roleName, isOpen, sizeBytes }
}
