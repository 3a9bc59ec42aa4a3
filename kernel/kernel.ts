import type { LogLine } from '@polis/hal/orchestrator'
import type { Problem } from '@polis/lib/error'
import type { KindName, PolisObject } from '@polis/resources/registry'
import type { Role } from '@polis/resources/role-binding'
import type { Journal } from './journal/journal.ts'
import type { ObjectListener, ObjectReader } from './objects/object-cache.ts'
import type { Operation } from './operations/operation.ts'
import type { ChangeRequest } from './operations/request.ts'

/** Who asks. Made anew for every request, so that a change of rights holds on the very next one. */
export interface Actor {
  readonly userUid: string | undefined
  readonly name: string
  readonly tokenUid: string | undefined
  /** The role in a project, or (undefined) in the installation as a whole; undefined: none. */
  roleIn(projectUid: string | undefined): Role | undefined
  /** True when there is any project, or the installation, where it has a role. */
  readonly hasAnyRole: boolean
}

/** What a request would do, decided without doing it. */
export interface Plan {
  readonly verb: string
  /** For people: "Deploy shop". */
  readonly title: string
  /** Line by line what will be done, in the order in which it will be seen. */
  readonly steps: readonly { readonly key: string; readonly title: string }[]
  /** Why the request cannot be carried out, all at once; empty: it can. */
  readonly problems: readonly Problem[]
  readonly warnings: readonly Problem[]
}

export interface SignedIn {
  /** The session token's text: goes into a cookie, shown once, kept nowhere. */
  readonly sessionToken: string
  readonly expiresAt: Date
}

export interface NewToken {
  readonly name: string
  /** Shown once, kept nowhere. */
  readonly text: string
  readonly expiresAt: Date
}

export interface LogQuery {
  readonly instanceUid: string
  /** Compose service name; absent: all of them. */
  readonly serviceName?: string
  readonly follow: boolean
  readonly tail: number
  readonly since?: string
}

export interface InstanceLogLine extends LogLine {
  readonly serviceName: string
  readonly slot: number
}

/** Bulk content, addressed by digest: uploaded build contexts. */
export interface BlobStore {
  /** Keeps the bytes and returns their `sha256:…`. Throws ResourceExhausted over `maxBytes` or on a full disk, keeping nothing. */
  put(bytes: ReadableStream<Uint8Array>, maxBytes: number, signal: AbortSignal): Promise<string>
  /** Throws NotFound. */
  open(digest: string, signal: AbortSignal): Promise<ReadableStream<Uint8Array>>
  has(digest: string): Promise<boolean>
}

/** The control plane as API and boot see it. Every method checks what the actor may do and throws PermissionDenied. */
export interface Kernel {
  readonly installationUid: string
  readonly journal: Journal
  readonly blobs: BlobStore

  /** Objects the actor may see. Reads are from memory. */
  reader(actor: Actor): ObjectReader
  /** Tells of every object change the actor may see, until the signal aborts or the actor's rights end. */
  watch(
    actor: Actor,
    kinds: readonly KindName[],
    signal: AbortSignal,
  ): AsyncIterable<ObjectChangeNotice>
  subscribe(listener: ObjectListener): () => void

  /** Decides, changes nothing. */
  plan(actor: Actor, request: ChangeRequest): Promise<Plan>
  /** Plans, refuses (throwing all problems at once) or commits the intent and returns the running operation. */
  submit(actor: Actor, request: ChangeRequest): Promise<Operation>

  findOperation(actor: Actor, id: string): Promise<Operation | undefined>
  /** Newest first. */
  listOperations(
    actor: Actor,
    page: { readonly limit: number; readonly before?: string; readonly projectUid?: string },
  ): Promise<readonly Operation[]>
  /** The operation now and after each change of a step, until it has ended. */
  watchOperation(actor: Actor, id: string, signal: AbortSignal): AsyncIterable<Operation>
  /** Undoes nothing by itself: intent goes back to what it was where that is possible, else FailedPrecondition. */
  cancelOperation(actor: Actor, id: string): Promise<Operation>

  logs(actor: Actor, query: LogQuery, signal: AbortSignal): AsyncIterable<InstanceLogLine>

  /** The actor behind a token's text; undefined: unknown, expired, revoked, or its user blocked. */
  authenticate(tokenText: string): Promise<Actor | undefined>
  /** By name and password. Rate-limited per name and per address: ResourceExhausted. Wrong: Unauthenticated, always after the same work. */
  signIn(name: string, password: string, address: string): Promise<SignedIn>
  /** By the one-time token of a sign-in link. */
  signInWithLink(tokenText: string, address: string): Promise<SignedIn>
  signOut(actor: Actor, everywhere: boolean): Promise<void>
  /** A one-time sign-in link's token for a user (the local operator's command). */
  createSignInToken(actor: Actor, userName: string): Promise<NewToken>
  createApiToken(
    actor: Actor,
    request: {
      readonly name: string
      readonly scope: Role
      readonly project?: string
      readonly days: number
    },
  ): Promise<NewToken>
  /** Text for `polis node join`: carries the CA's digest. */
  createJoinToken(
    actor: Actor,
    request: { readonly hours: number; readonly uses: number },
  ): Promise<NewToken>

  /** What is wrong with the installation as a whole, for `status`. */
  conditions(actor: Actor): readonly InstallationCondition[]
  /** False until the store is loaded and controllers run. */
  isReady(): boolean
}

export interface ObjectChangeNotice {
  readonly type: 'put' | 'removed'
  readonly object: PolisObject
}

export interface InstallationCondition {
  readonly objectKind: KindName
  readonly objectName: string
  readonly reason: string
  readonly message: string
  readonly remedy?: string
}
