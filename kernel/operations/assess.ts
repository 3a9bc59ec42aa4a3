import { findCondition, isReady } from '@polis/resources/object'
import type { Instance } from '@polis/resources/instance'
import type { PolisObject } from '@polis/resources/registry'
import type { Problem } from '@polis/lib/error'
import { isFinal } from '../controllers/image-reconciler.ts'
import { ROLLOUT_FAILED } from '../controllers/service-reconciler.ts'
import { BUSY } from '../controllers/task-reconciler.ts'
import { stayingAttachments } from '../controllers/task-preparation.ts'
import type { ObjectReader } from '../objects/object-cache.ts'
import { findImages } from '../planner/images.ts'
import type { Goal } from './goal.ts'
import type { StepStatus } from './operation.ts'

/** One step as the world shows it now. */
export interface Assessment {
  readonly key: string
  readonly title: string
  readonly status: StepStatus
  readonly message: string
  /** Present when the step can only be known by asking the edge. */
  readonly probe?: string
}

/** The steps of a goal and how far each is. Pure: an operation that was cut off is assessed again from the objects alone. */
export function assess(reader: ObjectReader, goal: Goal): readonly Assessment[] {
  switch (goal.type) {
    case 'instance':
      return assessInstance(reader, goal.uid)
    case 'ready': {
      const object = reader.find(goal.kind, goal.uid)
      return [{ key: `${goal.kind}/${goal.uid}`, title: goal.title, ...readyState(object) }]
    }
    case 'gone': {
      const object = reader.find(goal.kind, goal.uid)
      const message = object === undefined ? '' : (failedMessage(object) ?? 'on its way out')
      // Whoever uses it has to let go first: waiting would be waiting for a person.
      const isBusy = object !== undefined && findCondition(object.status, 'Ready')?.reason === BUSY
      const status = object === undefined ? 'done' : isBusy ? 'failed' : 'running'
      return [{ key: `${goal.kind}/${goal.uid}`, title: goal.title, status, message }]
    }
    case 'probe':
      return [routeStep(goal.host)]
  }
}

function assessInstance(reader: ObjectReader, uid: string): readonly Assessment[] {
  const instance = reader.find('Instance', uid)
  if (instance === undefined) {
    return [
      { key: 'instance', title: 'Prepare', status: 'failed', message: 'it was removed meanwhile' },
    ]
  }
  const images = imageSteps(reader, instance)
  const prepared = prepareStep(instance)
  if (images.some(({ status }) => status !== 'done') || prepared.status !== 'done') {
    return [...images, prepared]
  }
  const services = reader
    .ownedBy('Service', uid)
    .filter(({ metadata }) => metadata.deletionRequestedAt === undefined)
    .toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
  const given = services.flatMap((service) => givenSteps(reader, service.metadata.uid))
  return [
    ...images,
    prepared,
    ...unique(given),
    ...services.map((service): Assessment => ({
      key: `service/${service.spec.serviceName}`,
      title: `Run ${service.spec.serviceName}`,
      ...serviceState(service),
    })),
    ...services.flatMap((service) => routeSteps(reader, instance, service)),
  ]
}

function imageSteps(reader: ObjectReader, instance: Instance): readonly Assessment[] {
  const revision = reader.find('Revision', instance.spec.revisionUid)
  const images = revision === undefined ? [] : findImages(reader, instance, revision)
  return [...images].map(([serviceName, image]) => {
    const verb = image?.spec.source.type === 'build' ? 'Build' : 'Find'
    return {
      key: `image/${serviceName}`,
      title: `${verb} image of ${serviceName}`,
      ...readyState(image),
    }
  })
}

/** Whether the revision has been turned into objects; refusals found only then show here. */
function prepareStep(instance: Instance): Assessment {
  const step = { key: 'prepare', title: 'Prepare what it is given' }
  const ready = findCondition(instance.status, 'Ready')
  if (instance.status.observedGeneration !== instance.metadata.generation || ready === undefined) {
    return { ...step, status: 'running', message: '' }
  }
  if (ready.reason === 'ImagePending' || ready.reason === 'ImageFailed') {
    return { ...step, status: 'waiting', message: ready.message }
  }
  return FINAL_REASONS.has(ready.reason)
    ? { ...step, status: 'failed', message: ready.message }
    : { ...step, status: 'done', message: '' }
}

const FINAL_REASONS: ReadonlySet<string> = new Set([
  'InvalidArgument',
  'NotFound',
  'AlreadyExists',
  'FailedPrecondition',
  'PermissionDenied',
  'Failed',
])

/** Databases and volumes that the service is given. */
function givenSteps(reader: ObjectReader, serviceUid: string): readonly Assessment[] {
  return stayingAttachments(reader, serviceUid).flatMap(({ spec }): Assessment[] => {
    const { target } = spec
    const object =
      target.type === 'database'
        ? reader.find('Database', target.databaseUid)
        : target.type === 'volume'
          ? reader.find('Volume', target.volumeUid)
          : undefined
    if (object === undefined) return []
    const { name } = object.metadata
    return [
      {
        key: `${target.type}/${name}`,
        title: `Have ${target.type} ${name}`,
        ...readyState(object),
      },
    ]
  })
}

function routeSteps(
  reader: ObjectReader,
  instance: Instance,
  service: PolisObject<'Service'>,
): readonly Assessment[] {
  return stayingAttachments(reader, service.metadata.uid).flatMap((attachment): Assessment[] => {
    const { target, alias } = attachment.spec
    if (target.type === 'port') {
      return [{ key: `port/${alias}`, title: `Open port ${alias}`, ...readyState(attachment) }]
    }
    if (target.type !== 'domain') return []
    const state = readyState(attachment)
    const hasTasks = !instance.spec.isStopped && service.spec.replicas > 0
    if (state.status === 'done' && hasTasks) return [routeStep(alias)]
    return [{ key: `route/${alias}`, title: `Answer for ${alias}`, ...state }]
  })
}

function routeStep(host: string): Assessment {
  return {
    key: `route/${host}`,
    title: `Answer for ${host}`,
    status: 'running',
    message: '',
    probe: host,
  }
}

function serviceState(service: PolisObject<'Service'>): Pick<Assessment, 'status' | 'message'> {
  const ready = findCondition(service.status, 'Ready')
  if (service.status.observedGeneration !== service.metadata.generation || ready === undefined) {
    return { status: 'running', message: '' }
  }
  if (ready.status === 'True') return { status: 'done', message: '' }
  return { status: ready.reason === ROLLOUT_FAILED ? 'failed' : 'running', message: ready.message }
}

function readyState(object: PolisObject | undefined): Pick<Assessment, 'status' | 'message'> {
  if (object === undefined) return { status: 'waiting', message: '' }
  if (isReady(object)) return { status: 'done', message: '' }
  const ready = findCondition(object.status, 'Ready')
  const isCurrent = object.status.observedGeneration === object.metadata.generation
  if (!isCurrent || ready === undefined) return { status: 'running', message: '' }
  const isFailed = object.kind === 'Image' ? isFinal(object) : FINAL_REASONS.has(ready.reason)
  return { status: isFailed ? 'failed' : 'running', message: ready.message }
}

function failedMessage(object: PolisObject): string | undefined {
  const ready = findCondition(object.status, 'Ready')
  return ready?.status === 'False' ? ready.message : undefined
}

function unique(steps: readonly Assessment[]): readonly Assessment[] {
  return [...new Map(steps.map((step) => [step.key, step])).values()]
}

/** What a failed step means for whoever asked. */
export function problemOf(step: Assessment): Problem {
  return { code: 'FailedPrecondition', path: step.key, message: `${step.title}: ${step.message}` }
}
