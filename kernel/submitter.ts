import { PolisError, refusal } from '@polis/lib/error'
import { currentRequestId } from '@polis/lib/trace'
import { newUid } from '@polis/lib/uid'
import { requireAllowed } from './access/access.ts'
import type { ReconcilerDeps } from './controllers/deps.ts'
import { portOf } from './controllers/device-port.ts'
import { hashPassword } from './identity/password.ts'
import type { Actor, BlobStore, Plan } from './kernel.ts'
import { KeyedSerial } from './controller/keyed-serial.ts'
import type { OperationRecord } from './operations/goal.ts'
import type { Operation } from './operations/operation.ts'
import type { OperationStore } from './operations/operation-store.ts'
import type { ChangeRequest } from './operations/request.ts'
import type { Decision, OutsideFacts } from './planner/decision.ts'
import { planRequest, portsNamedBy } from './planner/plan.ts'

export interface SubmitterDeps extends ReconcilerDeps {
  readonly operations: OperationStore
  readonly blobs: BlobStore
  /** Has the operation looked at at once. */
  readonly onBegun: (operationId: string) => void
}

const OUTSIDE_DEADLINE_MS = 5_000
const MAX_TRIES = 10

/** The one door to intent: who may, what it comes to, and its commit together with the operation that follows it. */
export class Submitter {
  readonly #deps: SubmitterDeps
  readonly #serial = new KeyedSerial()

  constructor(deps: SubmitterDeps) {
    this.#deps = deps
  }

  async plan(actor: Actor, request: ChangeRequest): Promise<Plan> {
    requireAllowed(actor, request, this.#deps.cache)
    const decision = await this.#decide(request)
    const { title, steps, problems, warnings } = decision
    return {
      verb: request.type,
      title,
      steps,
      problems: [...problems, ...this.#busy(decision)],
      warnings,
    }
  }

  /** One at a time: a plan must see what the one before it took. */
  async submit(actor: Actor, request: ChangeRequest): Promise<Operation> {
    requireAllowed(actor, request, this.#deps.cache)
    let operation: Operation | undefined
    await this.#serial.run('submit', async () => {
      operation = await this.#commit(actor, request)
    })
    if (operation === undefined) throw new PolisError('Internal', 'the operation was not begun')
    return operation
  }

  async #commit(actor: Actor, request: ChangeRequest): Promise<Operation> {
    const { writer, operations, onBegun } = this.#deps
    for (let attempt = 1; ; attempt += 1) {
      const decision = await this.#decide(request)
      const problems = [...decision.problems, ...this.#busy(decision)]
      if (problems.length > 0) throw refusal(problems)
      const record = this.#toRecord(actor, request, decision)
      try {
        await writer.commit(decision.changes, { writes: [operations.toWrite(record)] })
      } catch (thrown) {
        // A controller wrote a status of what was read: decide again on what is there now.
        const isRace = thrown instanceof PolisError && thrown.code === 'Aborted'
        if (!isRace || attempt === MAX_TRIES) throw thrown
        continue
      }
      operations.begun(record)
      onBegun(record.operation.id)
      await this.#tell(record.operation)
      return record.operation
    }
  }

  async #decide(request: ChangeRequest): Promise<Decision> {
    const { cache, sealer, clock } = this.#deps
    const outside = await this.#look(request)
    const password = 'password' in request ? request.password : undefined
    const passwordHash = password === undefined ? undefined : await hashPassword(password)
    const context = {
      reader: cache,
      outside,
      seal: (plain: string, uid: string) => sealer.seal(plain, uid),
      newPassword: () => sealer.newPassword(),
      now: clock.now(),
    }
    return planRequest(request, context, passwordHash)
  }

  /** What only the world outside the store can tell. An edge that is away will refuse by itself later. */
  async #look(request: ChangeRequest): Promise<OutsideFacts> {
    const { cache, blobs, logger } = this.#deps
    const digest = request.type === 'deploy' ? request.contextDigest : undefined
    const hasContext = digest !== undefined && (await blobs.has(digest))
    const ports = portsNamedBy(request)
    const foreignPorts = new Map<number, string>()
    if (ports.length === 0) return { foreignPorts, hasContext }
    for (const device of cache.list('Device')) {
      if (device.spec.class !== 'ingress') continue
      try {
        const { taken } = await portOf(this.#deps, 'ingress', device).findPortOwners(
          { ports: [...ports] },
          AbortSignal.timeout(OUTSIDE_DEADLINE_MS),
        )
        for (const { port, owner } of taken) foreignPorts.set(port, owner)
      } catch (thrown) {
        logger.debug('port owners unknown', { device: device.metadata.name, error: String(thrown) })
      }
    }
    return { foreignPorts, hasContext }
  }

  /** Two changes of one instance at once would be mixed: the later is refused. */
  #busy(decision: Decision): Decision['problems'] {
    const instances = new Set(
      decision.goals.flatMap((goal) => (goal.type === 'instance' ? [goal.uid] : [])),
    )
    const running = this.#deps.operations
      .running()
      .find(
        ({ goals, isCancelled }) =>
          !isCancelled && goals.some((goal) => goal.type === 'instance' && instances.has(goal.uid)),
      )
    if (running === undefined) return []
    const { id, title } = running.operation
    return [
      {
        code: 'FailedPrecondition',
        path: '',
        message: `"${title}" is still running`,
        hint: `wait for it (polis operation watch ${id}) or cancel it (polis operation cancel ${id})`,
      },
    ]
  }

  #toRecord(actor: Actor, request: ChangeRequest, decision: Decision): OperationRecord {
    const now = this.#deps.clock.now().toISOString()
    const { title, projectUid, targetUid, warnings, result, goals, undo } = decision
    return {
      operation: {
        id: newUid(),
        requestId: currentRequestId() ?? newUid(),
        verb: request.type,
        title,
        actor: {
          name: actor.name,
          ...(actor.userUid === undefined ? {} : { userUid: actor.userUid }),
        },
        status: 'running',
        steps: [],
        warnings: warnings.map(({ code, path, message, hint }) => ({
          code,
          path,
          message,
          ...(hint === undefined ? {} : { hint }),
        })),
        result: { ...result },
        startedAt: now,
        ...(projectUid === undefined ? {} : { projectUid }),
        ...(targetUid === undefined ? {} : { targetUid }),
      },
      goals: [...goals],
      undo: [...undo],
      movedAt: now,
      isCancelled: false,
    }
  }

  async #tell(operation: Operation): Promise<void> {
    const { journal, clock } = this.#deps
    await journal.append([
      {
        at: clock.now(),
        type: `audit.${operation.verb}`,
        level: 'info',
        message: `${operation.actor.name}: ${operation.title}`,
        requestId: operation.requestId,
        operationId: operation.id,
        actor: operation.actor.name,
        fields: {},
        ...(operation.projectUid === undefined ? {} : { project: operation.projectUid }),
        ...(operation.targetUid === undefined ? {} : { objectUid: operation.targetUid }),
      },
    ])
  }
}
