// A stand-in for the kernel until the real one can be opened on fakes: real store, cache and journal; plans and
// operations as a test tells them.
import { createHash } from 'node:crypto'
import type { Draft } from '@polis/kernel/change'
import { openMemoryJournal } from '@polis/kernel/journal/memory'
import type { Journal } from '@polis/kernel/journal'
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
} from '@polis/kernel/kernel'
import { ObjectCache, type ObjectListener, type ObjectReader } from '@polis/kernel/object-cache'
import { ObjectWriter } from '@polis/kernel/object-writer'
import type { Operation } from '@polis/kernel/operation'
import type { ChangeRequest } from '@polis/kernel/request'
import { openMemoryStore } from '@polis/kernel/store/memory'
import { Channel } from '@polis/lib/channel'
import type { Clock } from '@polis/lib/clock'
import { PolisError, type Problem, refusal } from '@polis/lib/error'
import { currentRequestId } from '@polis/lib/trace'
import { newUid } from '@polis/lib/uid'
import type { KindName, PolisObject } from '@polis/resources/registry'
import { type Role, ROLES } from '@polis/resources/role-binding'

export const TEST_PASSWORD = 'correct horse battery'

export class TestKernel implements Kernel {
  readonly installationUid = 'testinstallation2222'
  readonly journal: Journal
  readonly blobs = new MemoryBlobs()
  readonly cache: ObjectCache
  readonly requests: ChangeRequest[] = []
  readonly logLines: InstanceLogLine[] = []
  /** What the next plans find wrong. */
  problems: readonly Problem[] = []
  /** What the next plans break with. */
  fault: Error | undefined
  /** True: operations run until `end` is called. */
  isHeld = false
  readonly #clock: Clock
  readonly #writer: ObjectWriter
  readonly #operations: Operation[] = []
  readonly #watchers = new Set<(operation: Operation | PolisError) => void>()
  readonly #tokens = new Map<string, string>()

  private constructor(clock: Clock, cache: ObjectCache, writer: ObjectWriter) {
    this.#clock = clock
    this.cache = cache
    this.#writer = writer
    this.journal = openMemoryJournal({ clock })
  }

  /** With the project `default`; follows its store until the signal aborts. */
  static async open(clock: Clock, signal: AbortSignal): Promise<TestKernel> {
    const store = openMemoryStore({ clock })
    const cache = new ObjectCache(store)
    await cache.load()
    cache.follow(signal).catch(() => undefined)
    const kernel = new TestKernel(clock, cache, new ObjectWriter({ store, cache, clock }))
    await kernel.create({ kind: 'Project', metadata: meta('default'), spec: { quotas: {} } })
    return kernel
  }

  async create(...drafts: readonly Draft[]): Promise<void> {
    for (let start = 0; start < drafts.length; start += 10) {
      const changes = drafts.slice(start, start + 10)
      await this.#writer.commit(changes.map((draft) => ({ type: 'create', draft })))
    }
  }

  get defaultProjectUid(): string {
    return this.cache.findByName('Project', undefined, 'default')?.metadata.uid ?? ''
  }

  /** A user with a role, and the text of a token. */
  async addUser(name: string, role: Role, projectUid?: string): Promise<string> {
    const user = meta(name)
    const binding = {
      userUid: user.uid,
      role,
      ...(projectUid === undefined ? {} : { projectUid }),
    }
    await this.create(
      { kind: 'User', metadata: user, spec: { isBlocked: false } },
      { kind: 'RoleBinding', metadata: meta(`${name}-${role}`), spec: binding },
    )
    return await this.#newToken(user.uid, 'api', `${name}-token`)
  }

  async #newToken(
    userUid: string,
    purpose: 'session' | 'api' | 'sign-in' | 'join',
    name: string,
  ): Promise<string> {
    const text = `polis_${newUid()}`
    const token = meta(name)
    const spec = {
      purpose,
      userUid,
      hash: createHash('sha256').update(text).digest('hex'),
      scope: 'administrator' as const,
      expiresAt: this.#in(1).toISOString(),
    }
    await this.create({ kind: 'Token', metadata: token, spec })
    this.#tokens.set(text, token.uid)
    return text
  }

  #in(days: number): Date {
    return new Date(this.#clock.now().getTime() + days * 86_400_000)
  }

  reader(actor: Actor): ObjectReader {
    const isVisible = (object: PolisObject): boolean => maySee(actor, object)
    const { cache } = this
    const visible = <Target extends PolisObject>(found: Target | undefined): Target | undefined =>
      found !== undefined && isVisible(found) ? found : undefined
    return {
      get: (kind, uid) => cache.get(kind, uid),
      find: (kind, uid) => visible(cache.find(kind, uid)),
      findByName: (kind, project, name) => visible(cache.findByName(kind, project, name)),
      list: (kind) => cache.list(kind).filter((object) => isVisible(object)),
      ownedBy: (kind, uid) => cache.ownedBy(kind, uid).filter((object) => isVisible(object)),
      guardsOf: (uid) => cache.guardsOf(uid).filter((object) => isVisible(object)),
    }
  }

  async *watch(
    actor: Actor,
    kinds: readonly KindName[],
    signal: AbortSignal,
  ): AsyncGenerator<ObjectChangeNotice, void, undefined> {
    const channel = new Channel<ObjectChangeNotice>()
    const unsubscribe = this.cache.subscribe((events) => {
      for (const { before, after } of events) {
        const object = after ?? before
        if (object === undefined || !kinds.includes(object.kind) || !maySee(actor, object)) continue
        channel.push({ type: after === undefined ? 'removed' : 'put', object })
      }
    })
    try {
      yield* channel.read(signal)
    } finally {
      unsubscribe()
    }
  }

  subscribe(listener: ObjectListener): () => void {
    return this.cache.subscribe(listener)
  }

  async plan(actor: Actor, request: ChangeRequest): Promise<Plan> {
    if (this.fault !== undefined) throw this.fault
    requireOperator(actor)
    const steps = [{ key: 'task/web', title: 'Start web' }]
    return {
      verb: request.type,
      title: titleOf(request),
      steps,
      problems: this.problems,
      warnings: [],
    }
  }

  async submit(actor: Actor, request: ChangeRequest): Promise<Operation> {
    const plan = await this.plan(actor, request)
    if (plan.problems.length > 0) throw refusal(plan.problems)
    this.requests.push(request)
    await this.#carryOut(request)
    const operation: Operation = {
      id: newUid(),
      requestId: currentRequestId() ?? newUid(),
      verb: plan.verb,
      title: plan.title,
      projectUid: this.defaultProjectUid,
      actor: { name: actor.name },
      status: 'running',
      steps: plan.steps.map((step) => ({ ...step, status: 'running', message: 'starting' })),
      warnings: [],
      result: {},
      startedAt: this.#clock.now().toISOString(),
    }
    this.#operations.unshift(operation)
    await this.journal.append([
      {
        at: this.#clock.now(),
        type: 'operation.begun',
        level: 'info',
        message: operation.title,
        requestId: operation.requestId,
        operationId: operation.id,
        project: this.defaultProjectUid,
        actor: actor.name,
        fields: {},
      },
    ])
    if (!this.isHeld)
      this.end(operation.id, { status: 'done', result: { url: 'http://shop.localhost' } })
    return operation
  }

  /** What an operation has come to; every step shares its end. */
  end(id: string, outcome: Partial<Operation> & Pick<Operation, 'status'>): void {
    const at = this.#operations.findIndex((operation) => operation.id === id)
    const before = this.#operations[at]
    if (before === undefined) throw new PolisError('NotFound', `there is no operation ${id}`)
    const status: Operation['steps'][number]['status'] =
      outcome.status === 'cancelled' ? 'skipped' : outcome.status
    const message = outcome.error?.message ?? ''
    const steps = before.steps.map((step) => ({ ...step, status, message }))
    const after = { ...before, steps, ...outcome }
    this.#operations[at] = after
    for (const watcher of this.#watchers) watcher(after)
  }

  async #carryOut(request: ChangeRequest): Promise<void> {
    if (request.type === 'createProject') {
      await this.create({ kind: 'Project', metadata: meta(request.name), spec: { quotas: {} } })
    }
    if (request.type === 'setUserBlocked') {
      const before = this.cache.findByName('User', undefined, request.name)
      if (before === undefined) return
      const spec = { ...before.spec, isBlocked: request.isBlocked }
      await this.#writer.commit([{ type: 'spec', before, spec }])
    }
    const gone =
      request.type === 'revokeToken'
        ? this.cache.findByName('Token', undefined, request.name)
        : request.type === 'revokeRole'
          ? this.cache
              .list('RoleBinding')
              .find(({ metadata }) => metadata.name.startsWith(request.user))
          : undefined
    if (gone !== undefined) await this.#writer.commit([{ type: 'remove', before: gone }])
  }

  async findOperation(_actor: Actor, id: string): Promise<Operation | undefined> {
    return this.#operations.find((operation) => operation.id === id)
  }

  async listOperations(
    _actor: Actor,
    { limit, before, projectUid }: { limit: number; before?: string; projectUid?: string },
  ): Promise<readonly Operation[]> {
    const start = this.#operations.findIndex(({ id }) => id === before) + 1
    return this.#operations
      .slice(start)
      .filter((operation) => operation.projectUid === (projectUid ?? operation.projectUid))
      .slice(0, limit)
  }

  get newest(): Operation {
    const [operation] = this.#operations
    if (operation === undefined) throw new Error('nothing was asked for')
    return operation
  }

  get watcherCount(): number {
    return this.#watchers.size
  }

  /** As if the server went down under whoever follows an operation. */
  breakWatchers(): void {
    const error = new PolisError('Unavailable', 'the server is stopping')
    for (const watcher of this.#watchers) watcher(error)
  }

  async *watchOperation(
    actor: Actor,
    id: string,
    signal: AbortSignal,
  ): AsyncGenerator<Operation, void, undefined> {
    const channel = new Channel<Operation>()
    const watcher = (operation: Operation | PolisError): void => {
      if (operation instanceof PolisError) channel.fail(operation)
      if (operation instanceof PolisError || operation.id !== id) return
      channel.push(operation)
      if (operation.status !== 'running') channel.end()
    }
    this.#watchers.add(watcher)
    try {
      const operation = await this.findOperation(actor, id)
      if (operation === undefined)
        throw new PolisError('NotFound', `there is no operation ${id}`, { path: 'id' })
      watcher(operation)
      yield* channel.read(signal)
    } finally {
      this.#watchers.delete(watcher)
    }
  }

  async cancelOperation(actor: Actor, id: string): Promise<Operation> {
    requireOperator(actor)
    this.end(id, { status: 'cancelled' })
    return (await this.findOperation(actor, id)) ?? Promise.reject(new Error('gone'))
  }

  async *logs(
    _actor: Actor,
    query: LogQuery,
    signal: AbortSignal,
  ): AsyncGenerator<InstanceLogLine, void, undefined> {
    const isWanted = ({ serviceName }: InstanceLogLine): boolean =>
      serviceName === (query.serviceName ?? serviceName)
    yield* this.logLines.filter((line) => isWanted(line)).slice(-query.tail)
    if (query.follow) yield* new Channel<InstanceLogLine>().read(signal)
  }

  async authenticate(tokenText: string): Promise<Actor | undefined> {
    const token = this.cache.find('Token', this.#tokens.get(tokenText))
    const user = this.cache.find('User', token?.spec.userUid)
    if (token === undefined || user === undefined || user.spec.isBlocked) return undefined
    const { uid: userUid, name } = user.metadata
    const roles = (): PolisObject<'RoleBinding'>[] =>
      this.cache.list('RoleBinding').filter(({ spec }) => spec.userUid === userUid)
    return {
      userUid,
      name,
      tokenUid: token.metadata.uid,
      roleIn: (uid) => {
        const here = roles().filter(
          ({ spec }) => spec.projectUid === undefined || spec.projectUid === uid,
        )
        return ROLES.find((role) => here.some(({ spec }) => spec.role === role))
      },
      get hasAnyRole() {
        return roles().length > 0
      },
    }
  }

  async signIn(name: string, password: string): Promise<SignedIn> {
    const user = this.cache.findByName('User', undefined, name)
    if (user === undefined || password !== TEST_PASSWORD) {
      throw new PolisError('Unauthenticated', 'name or password is wrong')
    }
    const text = await this.#newToken(user.metadata.uid, 'session', `session-${newUid()}`)
    return { sessionToken: text, expiresAt: this.#in(1) }
  }

  async signInWithLink(tokenText: string): Promise<SignedIn> {
    const token = this.cache.find('Token', this.#tokens.get(tokenText))
    if (token?.spec.purpose !== 'sign-in')
      throw new PolisError('Unauthenticated', 'the link does not hold')
    this.#tokens.delete(tokenText)
    const text = await this.#newToken(token.spec.userUid ?? '', 'session', `session-${newUid()}`)
    return { sessionToken: text, expiresAt: this.#in(1) }
  }

  async signOut(actor: Actor): Promise<void> {
    const token = this.cache.find('Token', actor.tokenUid)
    if (token !== undefined) await this.#writer.commit([{ type: 'remove', before: token }])
  }

  async createSignInToken(_actor: Actor, userName: string): Promise<NewToken> {
    const user = this.cache.findByName('User', undefined, userName)
    if (user === undefined)
      throw new PolisError('NotFound', `there is no user ${userName}`, { path: 'user' })
    const name = `sign-in-${newUid()}`
    return {
      name,
      text: await this.#newToken(user.metadata.uid, 'sign-in', name),
      expiresAt: this.#in(1),
    }
  }

  async createApiToken(
    actor: Actor,
    { name, days }: { name: string; days: number },
  ): Promise<NewToken> {
    return {
      name,
      text: await this.#newToken(actor.userUid ?? '', 'api', name),
      expiresAt: this.#in(days),
    }
  }

  async createJoinToken(_actor: Actor, { hours }: { hours: number }): Promise<NewToken> {
    return { name: 'join', text: 'polis_join', expiresAt: this.#in(hours / 24) }
  }

  conditions(): readonly InstallationCondition[] {
    return []
  }

  isReady(): boolean {
    return true
  }
}

class MemoryBlobs implements BlobStore {
  readonly #blobs = new Map<string, Uint8Array<ArrayBuffer>>()

  async put(bytes: ReadableStream<Uint8Array>, maxBytes: number): Promise<string> {
    const chunks: Uint8Array[] = []
    let sizeBytes = 0
    for await (const chunk of bytes) {
      sizeBytes += chunk.byteLength
      if (sizeBytes > maxBytes) throw new PolisError('ResourceExhausted', 'the blob is too large')
      chunks.push(chunk)
    }
    const content = new Uint8Array(Buffer.concat(chunks))
    const digest = `sha256:${createHash('sha256').update(content).digest('hex')}`
    this.#blobs.set(digest, content)
    return digest
  }

  async open(digest: string): Promise<ReadableStream<Uint8Array>> {
    const content = this.#blobs.get(digest)
    if (content === undefined) throw new PolisError('NotFound', `there is no blob ${digest}`)
    return new Blob([content]).stream()
  }

  async has(digest: string): Promise<boolean> {
    return this.#blobs.has(digest)
  }

  async list(): Promise<readonly string[]> {
    return [...this.#blobs.keys()]
  }
}

/** Metadata of a draft. */
export function meta(
  name: string,
  projectUid?: string,
): { readonly uid: string; readonly name: string; readonly projectUid?: string } {
  return { uid: newUid(), name, ...(projectUid === undefined ? {} : { projectUid }) }
}

function maySee(actor: Actor, object: PolisObject): boolean {
  const { projectUid, uid } = object.metadata
  if (object.kind === 'Project') return actor.roleIn(uid) !== undefined
  return actor.roleIn(projectUid) !== undefined
}

function requireOperator(actor: Actor): void {
  const role = actor.roleIn(undefined)
  if (role === 'administrator' || role === 'operator') return
  throw new PolisError('PermissionDenied', `${actor.name} may not do that`, {
    hint: 'ask for the role operator',
  })
}

function titleOf(request: ChangeRequest): string {
  const { type } = request
  return type === 'deploy' ? `Deploy ${request.application}` : type
}
