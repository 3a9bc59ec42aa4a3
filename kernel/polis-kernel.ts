import type { Devices } from '@polis/hal/ports'
import { Channel } from '@polis/lib/channel'
import type { Clock } from '@polis/lib/clock'
import { causeChain, PolisError } from '@polis/lib/error'
import type { Logger } from '@polis/lib/logger'
import { newUid } from '@polis/lib/uid'
import { findCondition } from '@polis/resources/object'
import type { KindName } from '@polis/resources/registry'
import { systemActor } from './access/actor.ts'
import { maySee, readerFor, requireRole } from './access/access.ts'
import { SignIn } from './access/sign-in.ts'
import { Tokens } from './access/tokens.ts'
import { Controller } from './controller/controller.ts'
import { reconcilersOf } from './controllers/all.ts'
import type { ReconcilerDeps } from './controllers/deps.ts'
import type { StandardDevice } from './controllers/node-reconciler.ts'
import { TaskObserver } from './controllers/task-observer.ts'
import type { SecretSealer } from './identity/secret-sealing.ts'
import { instanceLogs } from './instance-logs.ts'
import type { Journal } from './journal/journal.ts'
import type {
  Actor,
  BlobStore,
  InstallationCondition,
  InstanceLogLine,
  Kernel,
  LogQuery,
  NewToken,
  ObjectChangeNotice,
  Plan,
  SignedIn,
} from './kernel.ts'
import { Nodes } from './nodes.ts'
import { ObjectCache, type ObjectListener, type ObjectReader } from './objects/object-cache.ts'
import { ObjectWriter } from './objects/object-writer.ts'
import type { Operation } from './operations/operation.ts'
import { OperationReconciler } from './operations/operation-reconciler.ts'
import { OperationStore } from './operations/operation-store.ts'
import type { ChangeRequest } from './operations/request.ts'
import { projectUidOf } from './planner/decision.ts'
import type { Store } from './store/store.ts'
import { Submitter } from './submitter.ts'

export interface KernelDeps {
  readonly installationUid: string
  readonly store: Store
  readonly journal: Journal
  readonly blobs: BlobStore
  readonly devices: Devices
  readonly clock: Clock
  readonly logger: Logger
  /** In [0, 1): jitter. */
  readonly random: () => number
  readonly sealer: SecretSealer
  readonly standardDevices: readonly StandardDevice[]
  /** Text of a join token from its secret: boot adds what a node needs to trust the server. */
  readonly joinTokenText: (secret: string) => string
  readonly resyncMs: number
}

const HOUR_MS = 3_600_000
const SIGN_IN_LINK_MS = HOUR_MS
const JOURNAL_KEEP_MS = 90 * 24 * HOUR_MS
const JOURNAL_MAX_RECORDS = 500_000

/** The control plane: store, controllers, decisions. No engine, no network, no clock of its own. */
export class PolisKernel implements Kernel {
  readonly installationUid: string
  readonly journal: Journal
  readonly blobs: BlobStore
  /** For whoever holds the connections of nodes. */
  readonly nodes: Nodes
  readonly tokens: Tokens
  readonly #deps: KernelDeps
  readonly #cache: ObjectCache
  readonly #writer: ObjectWriter
  readonly #reconcilerDeps: ReconcilerDeps
  readonly #operations: OperationStore
  readonly #operationController: Controller
  readonly #controllers: readonly Controller[]
  readonly #submitter: Submitter
  readonly #signIn: SignIn
  #isReady = false

  constructor(deps: KernelDeps) {
    const { store, journal, clock, logger, random, resyncMs } = deps
    this.#deps = deps
    this.installationUid = deps.installationUid
    this.journal = journal
    this.blobs = deps.blobs
    const cache = new ObjectCache(store)
    const writer = new ObjectWriter({ store, cache, clock })
    const { devices, sealer, blobs } = deps
    const shared = { cache, writer, devices, journal, clock, logger, sealer }
    const operations = new OperationStore({ store, journal, clock })
    const running = { cache, clock, logger, random, resyncMs }
    this.#cache = cache
    this.#writer = writer
    this.#reconcilerDeps = shared
    this.#operations = operations
    this.#operationController = new Controller(new OperationReconciler(shared, operations), running)
    this.#controllers = reconcilersOf(shared, deps.standardDevices).map(
      (reconciler) => new Controller(reconciler, running),
    )
    this.#submitter = new Submitter({
      ...shared,
      operations,
      blobs,
      onBegun: (id) => this.#operationController.enqueue(id),
    })
    this.nodes = new Nodes(shared)
    this.tokens = new Tokens({ store, cache, writer, clock })
    this.#signIn = new SignIn({ cache, writer, journal, clock, tokens: this.tokens })
  }

  /** Reads the store and works until the signal aborts; then resolves with everything at rest. */
  async run(signal: AbortSignal): Promise<void> {
    await this.#cache.load()
    await this.#operations.load()
    const following = this.#cache.follow(signal)
    await this.#bootstrap()
    this.#isReady = true
    const observer = new TaskObserver(this.#reconcilerDeps, this.#deps.random)
    await Promise.all([
      following,
      observer.run(signal),
      this.#operationController.run(signal),
      ...this.#controllers.map((controller) => controller.run(signal)),
      this.#pruneJournal(signal),
    ])
    this.#isReady = false
  }

  isReady(): boolean {
    return this.#isReady
  }

  reader(actor: Actor): ObjectReader {
    return readerFor(this.#cache, actor)
  }

  subscribe(listener: ObjectListener): () => void {
    return this.#cache.subscribe(listener)
  }

  async *watch(
    actor: Actor,
    kinds: readonly KindName[],
    signal: AbortSignal,
  ): AsyncIterable<ObjectChangeNotice> {
    const channel = new Channel<ObjectChangeNotice>()
    const unsubscribe = this.#cache.subscribe((events) => {
      for (const { before, after } of events) {
        const object = after ?? before
        if (object === undefined) continue
        if (isAboutRights(object.kind) && !actor.hasAnyRole) {
          channel.fail(new PolisError('PermissionDenied', 'your access has ended'))
          return
        }
        if (!kinds.includes(object.kind) || !maySee(actor, object)) continue
        channel.push({ type: after === undefined ? 'removed' : 'put', object })
      }
    })
    try {
      yield* channel.read(signal)
    } finally {
      unsubscribe()
    }
  }

  async plan(actor: Actor, request: ChangeRequest): Promise<Plan> {
    return await this.#submitter.plan(actor, request)
  }

  async submit(actor: Actor, request: ChangeRequest): Promise<Operation> {
    return await this.#submitter.submit(actor, request)
  }

  async findOperation(actor: Actor, id: string): Promise<Operation | undefined> {
    const operation = await this.#operations.find(id)
    return operation !== undefined && maySeeOperation(actor, operation) ? operation : undefined
  }

  async listOperations(
    actor: Actor,
    page: { readonly limit: number; readonly before?: string; readonly projectUid?: string },
  ): Promise<readonly Operation[]> {
    const { limit, before, projectUid } = page
    const running = this.#operations
      .running()
      .map(({ operation }) => operation)
      .toSorted((a, b) => (a.startedAt < b.startedAt ? 1 : -1))
    const at = running.findIndex(({ id }) => id === before)
    const position =
      before === undefined || at >= 0 ? undefined : await this.#operations.positionOf(before)
    const first = position === undefined ? running.slice(at + 1) : []
    const rest = await this.#operations.listEnded(
      limit,
      position,
      this.#projectsSeenBy(actor, projectUid),
    )
    return [...first, ...rest]
      .filter((operation) => projectUid === undefined || operation.projectUid === projectUid)
      .filter((operation) => maySeeOperation(actor, operation))
      .slice(0, limit)
  }

  /** Projects whose operations are asked for; undefined: all, and the installation's own. */
  #projectsSeenBy(actor: Actor, projectUid: string | undefined): readonly string[] | undefined {
    if (projectUid !== undefined) return [projectUid]
    if (actor.roleIn(undefined) !== undefined) return undefined
    return this.#cache
      .list('Project')
      .map(({ metadata }) => metadata.uid)
      .filter((uid) => actor.roleIn(uid) !== undefined)
  }

  async *watchOperation(actor: Actor, id: string, signal: AbortSignal): AsyncIterable<Operation> {
    const channel = new Channel<Operation>()
    const unsubscribe = this.#operations.subscribe((operation) => {
      if (operation.id === id) channel.push(operation)
    })
    try {
      const first = await this.findOperation(actor, id)
      if (first === undefined) throw new PolisError('NotFound', `there is no operation ${id}`)
      yield first
      if (first.status !== 'running') return
      for await (const operation of channel.read(signal)) {
        if (!maySeeOperation(actor, operation))
          throw new PolisError('PermissionDenied', 'your access has ended')
        yield operation
        if (operation.status !== 'running') return
      }
    } finally {
      unsubscribe()
    }
  }

  async cancelOperation(actor: Actor, id: string): Promise<Operation> {
    const operation = await this.findOperation(actor, id)
    if (operation === undefined) throw new PolisError('NotFound', `there is no operation ${id}`)
    requireRole(actor, 'operator', operation.projectUid)
    const updated = await this.#operations.update(id, (record) => ({
      ...record,
      isCancelled: true,
    }))
    if (updated === undefined)
      throw new PolisError('FailedPrecondition', `operation ${id} has ended already`)
    this.#operationController.enqueue(id)
    return updated.operation
  }

  async *logs(actor: Actor, query: LogQuery, signal: AbortSignal): AsyncIterable<InstanceLogLine> {
    this.reader(actor).get('Instance', query.instanceUid)
    yield* instanceLogs(this.#reconcilerDeps, query, signal)
  }

  async authenticate(tokenText: string): Promise<Actor | undefined> {
    return await this.#signIn.authenticate(tokenText)
  }

  async signIn(name: string, password: string, address: string): Promise<SignedIn> {
    return await this.#signIn.byPassword(name, password, address)
  }

  async signInWithLink(tokenText: string, address: string): Promise<SignedIn> {
    return await this.#signIn.byLink(tokenText, address)
  }

  async signOut(actor: Actor, everywhere: boolean): Promise<void> {
    await this.#signIn.out(actor, everywhere)
  }

  async createSignInToken(actor: Actor, userName: string): Promise<NewToken> {
    requireRole(actor, 'administrator', undefined)
    const user = this.#cache.findByName('User', undefined, userName)
    if (user === undefined)
      throw new PolisError('NotFound', `there is no user ${userName}`, {
        hint: 'see polis user ls',
      })
    return await this.tokens.create({
      purpose: 'sign-in',
      scope: 'administrator',
      userUid: user.metadata.uid,
      lifeMs: SIGN_IN_LINK_MS,
      uses: 1,
    })
  }

  async createApiToken(
    actor: Actor,
    request: Parameters<Kernel['createApiToken']>[1],
  ): Promise<NewToken> {
    const { name, scope, project, days } = request
    const projectUid = project === undefined ? undefined : projectUidOf(this.#cache, project)
    requireRole(actor, scope, projectUid)
    if (actor.userUid === undefined)
      throw new PolisError('FailedPrecondition', 'only a user has tokens')
    return await this.tokens.create({
      purpose: 'api',
      name,
      scope,
      userUid: actor.userUid,
      lifeMs: days * 24 * HOUR_MS,
      ...(projectUid === undefined ? {} : { projectUid }),
    })
  }

  async createJoinToken(
    actor: Actor,
    { hours, uses }: { readonly hours: number; readonly uses: number },
  ): Promise<NewToken> {
    requireRole(actor, 'administrator', undefined)
    const { joinTokenText: textOf } = this.#deps
    return await this.tokens.create({
      purpose: 'join',
      scope: 'viewer',
      lifeMs: hours * HOUR_MS,
      uses,
      textOf,
    })
  }

  conditions(actor: Actor): readonly InstallationCondition[] {
    return WATCHED_KINDS.flatMap((kind) =>
      this.#cache
        .list(kind)
        .filter((object) => maySee(actor, object))
        .flatMap((object): InstallationCondition[] => {
          const ready = findCondition(object.status, 'Ready')
          if (ready?.status !== 'False') return []
          const { reason, message, remedy } = ready
          const about = { objectKind: kind, objectName: object.metadata.name, reason, message }
          return [remedy === undefined ? about : { ...about, remedy }]
        }),
    )
  }

  /** What every installation has from its first start. Safe to repeat. */
  async #bootstrap(): Promise<void> {
    if (this.#cache.findByName('Project', undefined, 'default') === undefined) {
      const metadata = { uid: newUid(), name: 'default' }
      await this.#writer.commit([
        { type: 'create', draft: { kind: 'Project', metadata, spec: { quotas: {} } } },
      ])
    }
    if (this.#cache.list('User').length > 0) return
    const userUid = newUid()
    await this.#writer.commit([
      {
        type: 'create',
        draft: {
          kind: 'User',
          metadata: { uid: userUid, name: ADMIN },
          spec: { isBlocked: false },
        },
      },
      {
        type: 'create',
        draft: {
          kind: 'RoleBinding',
          metadata: { uid: newUid(), name: `${ADMIN}.-` },
          spec: { userUid, role: 'administrator' },
        },
      },
    ])
  }

  async #pruneJournal(signal: AbortSignal): Promise<void> {
    const { journal, clock, logger } = this.#deps
    while (!signal.aborted) {
      try {
        await journal.prune({ keepMs: JOURNAL_KEEP_MS, maxRecords: JOURNAL_MAX_RECORDS })
      } catch (thrown) {
        logger.warn('journal not pruned', { causes: causeChain(thrown) })
      }
      await clock.sleep(HOUR_MS, signal).catch(() => undefined)
    }
  }
}

/** The user that a new installation has. */
export const ADMIN = 'admin'

/** The installation at work for itself, such as the local command line of its own host. */
export const localOperator = systemActor('local operator')

const WATCHED_KINDS = [
  'Node',
  'Device',
  'Instance',
  'Service',
  'Attachment',
  'Database',
  'Volume',
  'Image',
] as const

function isAboutRights(kind: KindName): boolean {
  return kind === 'User' || kind === 'Token' || kind === 'RoleBinding'
}

function maySeeOperation(actor: Actor, operation: Operation): boolean {
  return actor.roleIn(operation.projectUid) !== undefined
}
