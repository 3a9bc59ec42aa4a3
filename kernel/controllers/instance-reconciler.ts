import { ApplicationModel } from '@polis/compose/model'
import { type PolisError, toPolisError } from '@polis/lib/error'
import type { Instance } from '@polis/resources/instance'
import { type Condition, findCondition, isReady } from '@polis/resources/object'
import type { PolisObject } from '@polis/resources/registry'
import type { Revision } from '@polis/resources/revision'
import type { Reconciler, Result } from '../controller/controller.ts'
import { failure, readiness } from '../controller/report.ts'
import type { ObjectChange } from '../objects/change.ts'
import type { ObjectEvent, ObjectReader } from '../objects/object-cache.ts'
import { commitInOrder } from '../planner/commit-in-order.ts'
import { Expansion } from '../planner/expansion.ts'
import { findImages, imagesOf } from '../planner/images.ts'
import { expandInstance } from '../planner/expand-instance.ts'
import type { ReconcilerDeps } from './deps.ts'
import { orchestratorDevice, portOf } from './device-port.ts'
import { isFinal } from './image-reconciler.ts'
import { ROLLOUT_FAILED } from './service-reconciler.ts'

const LEAVING_RETRY_MS = 1_000
/** Revisions kept to go back to, beside the one that runs. */
const KEPT_REVISIONS = 10

/** Turns an instance's revision into its services and what they are given; says when all of it holds. */
export class InstanceReconciler implements Reconciler {
  readonly name = 'instance'
  readonly concurrency = 4
  readonly #deps: ReconcilerDeps

  constructor(deps: ReconcilerDeps) {
    this.#deps = deps
  }

  keysOf({ before, after }: ObjectEvent): readonly string[] {
    const object = after ?? before
    switch (object?.kind) {
      case 'Instance':
        return [object.metadata.uid]
      case 'Service':
        return [object.spec.instanceUid]
      case 'Image':
      case 'Attachment':
        return object.metadata.ownerUid === undefined ? [] : [object.metadata.ownerUid]
      case 'Secret':
      case 'Database':
      case 'Volume':
      case 'Domain':
      case 'Revision':
        return after === undefined && object.metadata.ownerUid !== undefined
          ? [object.metadata.ownerUid]
          : []
      default:
        return []
    }
  }

  allKeys(): readonly string[] {
    return this.#deps.cache.list('Instance').map(({ metadata }) => metadata.uid)
  }

  requestIdOf(uid: string): string | undefined {
    return this.#deps.cache.find('Instance', uid)?.metadata.requestId
  }

  async reconcile(uid: string, signal: AbortSignal): Promise<Result> {
    const { cache } = this.#deps
    const instance = cache.find('Instance', uid)
    if (instance === undefined) return { kind: 'settled' }
    if (instance.metadata.deletionRequestedAt !== undefined)
      return await this.#remove(instance, signal)
    const revision = cache.find('Revision', instance.spec.revisionUid)
    if (revision === undefined) return { kind: 'settled' }
    await this.#wantImages(instance, revision)
    const missing = this.#missingImage(instance, revision)
    if (missing === undefined) await this.#expand(instance, revision)
    await this.#writeStatus(instance, missing)
    await this.#forgetOldRevisions(uid)
    return { kind: 'settled' }
  }

  async report(uid: string, thrown: PolisError): Promise<void> {
    const error = toPolisError(thrown, 'expand the instance')
    await this.#deps.writer.amend('Instance', uid, (instance) =>
      readiness(instance, failure(error), this.#deps.clock),
    )
  }

  async #wantImages(instance: Instance, revision: Revision): Promise<void> {
    const { cache, writer } = this.#deps
    const { projectUid, uid: ownerUid } = instance.metadata
    const expansion = new Expansion(cache)
    for (const { name, source } of imagesOf(instance.metadata.name, revision)) {
      expansion.want('Image', { name, projectUid, ownerUid }, { source })
    }
    await commitInOrder(writer, expansion.changes)
  }

  /** Nothing of a revision is touched before all its images are there: a build that fails changes nothing. */
  #missingImage(instance: Instance, revision: Revision): PolisObject<'Image'> | undefined {
    const images = [...findImages(this.#deps.cache, instance, revision).values()].filter(
      (image) => image !== undefined,
    )
    return images.find((image) => isFinal(image)) ?? images.find((image) => !isReady(image))
  }

  async #expand(instance: Instance, revision: Revision): Promise<void> {
    const { cache, writer, sealer } = this.#deps
    const changes = expandInstance({
      reader: cache,
      instance,
      revision,
      model: ApplicationModel.parse(revision.spec.model),
      sealNewPassword: (secretUid) => sealer.seal(sealer.newPassword(), secretUid),
    })
    await commitInOrder(writer, changes)
  }

  async #writeStatus(instance: Instance, missing: PolisObject<'Image'> | undefined): Promise<void> {
    const { cache, writer, clock } = this.#deps
    const { uid, generation } = instance.metadata
    const ready = missing === undefined ? convergence(cache, uid) : imageState(missing)
    const extra = ready.status === 'True' ? { convergedRevisionUid: instance.spec.revisionUid } : {}
    await writer.amend('Instance', uid, (current) =>
      readiness(current, ready, clock, extra, generation),
    )
  }

  /** Services first, since they hold the rest; then what held data goes to the bin and the instance goes. */
  async #remove(instance: Instance, signal: AbortSignal): Promise<Result> {
    const { cache, writer, clock } = this.#deps
    const { uid } = instance.metadata
    const services = cache.ownedBy('Service', uid)
    const attachments = services.flatMap((service) =>
      cache.guardsOf(service.metadata.uid).filter((guard) => guard.kind === 'Attachment'),
    )
    const leaving = [...services, ...attachments].filter(
      ({ metadata }) => metadata.deletionRequestedAt === undefined,
    )
    await commitInOrder(
      writer,
      leaving.map((before) => ({ type: 'requestDeletion', before })),
    )
    if (services.length > 0 || attachments.length > 0) {
      return { kind: 'requeue', afterMs: LEAVING_RETRY_MS }
    }
    const orchestrator = portOf(this.#deps, 'orchestrator', orchestratorDevice(cache))
    await orchestrator.removeNetwork({ uid }, signal)
    const binnedAt = clock.now().toISOString()
    const changes: ObjectChange[] = [
      ...cache
        .ownedBy('Database', uid)
        .flatMap((before): ObjectChange[] =>
          isFreeToBin(before, cache.guardsOf(before.metadata.uid))
            ? [{ type: 'spec', before, spec: { ...before.spec, binnedAt } }]
            : [],
        ),
      ...cache
        .ownedBy('Volume', uid)
        .flatMap((before): ObjectChange[] =>
          isFreeToBin(before, cache.guardsOf(before.metadata.uid))
            ? [{ type: 'spec', before, spec: { ...before.spec, binnedAt } }]
            : [],
        ),
      ...[
        ...cache.ownedBy('Domain', uid),
        ...cache.ownedBy('Revision', uid),
        ...cache.ownedBy('Image', uid),
      ].flatMap((before): ObjectChange[] =>
        before.metadata.deletionRequestedAt === undefined
          ? [{ type: 'requestDeletion', before }]
          : [],
      ),
    ]
    await commitInOrder(writer, changes)
    await writer.commit([{ type: 'remove', before: instance }])
    await this.#removeLonelyApplication(instance.spec.applicationUid)
    return { kind: 'settled' }
  }

  async #removeLonelyApplication(uid: string): Promise<void> {
    const { cache, writer } = this.#deps
    const application = cache.find('Application', uid)
    if (application === undefined || cache.guardsOf(uid).length > 0) return
    await writer.commit([{ type: 'requestDeletion', before: application }])
  }

  async #forgetOldRevisions(uid: string): Promise<void> {
    const { cache, writer } = this.#deps
    const instance = cache.find('Instance', uid)
    if (instance === undefined) return
    const kept = new Set([instance.spec.revisionUid, instance.status.convergedRevisionUid])
    const old = cache
      .ownedBy('Revision', uid)
      .toSorted((a, b) => b.spec.number - a.spec.number)
      .slice(KEPT_REVISIONS)
      .filter(
        ({ metadata }) => !kept.has(metadata.uid) && metadata.deletionRequestedAt === undefined,
      )
    await commitInOrder(
      writer,
      old.map((before) => ({ type: 'requestDeletion', before })),
    )
    const used = new Set(
      cache
        .ownedBy('Revision', uid)
        .filter((revision) => !old.includes(revision))
        .flatMap((revision) => imagesOf(instance.metadata.name, revision).map(({ name }) => name)),
    )
    const unused = cache
      .ownedBy('Image', uid)
      .filter(
        ({ metadata }) => !used.has(metadata.name) && metadata.deletionRequestedAt === undefined,
      )
    await commitInOrder(
      writer,
      unused.map((before) => ({ type: 'requestDeletion', before })),
    )
  }
}

type Readiness = Omit<Condition, 'type' | 'since'>

function imageState(missing: PolisObject<'Image'>): Readiness {
  const message = findCondition(missing.status, 'Ready')?.message ?? ''
  return isFinal(missing)
    ? { status: 'False', reason: 'ImageFailed', message }
    : {
        status: 'False',
        reason: 'ImagePending',
        message: `waiting for image ${missing.metadata.name}`,
      }
}

function convergence(reader: ObjectReader, uid: string): Readiness {
  const parts = [...reader.ownedBy('Service', uid), ...reader.ownedBy('Attachment', uid)]
  const unready = parts.find((part) => !isReady(part))
  if (unready === undefined) return { status: 'True', reason: 'Converged', message: '' }
  const condition = findCondition(unready.status, 'Ready')
  return {
    status: 'False',
    reason: condition?.reason === ROLLOUT_FAILED ? ROLLOUT_FAILED : 'Converging',
    message: `${unready.metadata.name}: ${condition?.message ?? 'not looked at yet'}`,
  }
}

function isFreeToBin(
  object: PolisObject<'Database'> | PolisObject<'Volume'>,
  guards: readonly PolisObject[],
): boolean {
  return object.spec.binnedAt === undefined && guards.length === 0
}
