import { diffModels, type ModelDifference } from '@polis/compose/differences'
import { ApplicationModel, type ServiceModel } from '@polis/compose/model'
import { readCompose } from '@polis/compose/read-compose'
import { type Problem, PolisError } from '@polis/lib/error'
import { toJson } from '@polis/lib/json'
import { isDnsLabel } from '@polis/lib/names'
import { newUid } from '@polis/lib/uid'
import type { Instance, InstanceSpec } from '@polis/resources/instance'
import { isFinal } from '../controllers/image-reconciler.ts'
import type { ObjectChange } from '../objects/change.ts'
import type { RequestOf } from '../operations/request.ts'
import { type Decision, decision, type PlanContext, problem, projectUidOf } from './decision.ts'
import { findConflicts } from './find-conflicts.ts'
import { quotaProblems } from './quotas.ts'
import { imagesOf } from './images.ts'
import { derivedName, revisionName } from './naming.ts'

type DeployRequest = RequestOf<'deploy'>

/** A first deploy, or the next revision of what runs. */
export function planDeploy(request: DeployRequest, context: PlanContext): Decision {
  const { reader } = context
  const projectUid = projectUidOf(reader, request.project)
  const instanceName = request.instance ?? request.application
  for (const name of new Set([request.application, instanceName])) requireName(name)
  const { model, warnings } = readCompose({
    files: request.files,
    environment: request.variables,
    projectName: request.application,
    allowBindRoots: [],
  })
  const existing = reader.findByName('Instance', projectUid, instanceName)
  const problems = [
    ...contextProblems(request, model, context),
    ...ownershipProblems(request, existing, context, projectUid),
    ...findConflicts({ model, instanceName, instance: existing, projectUid, context }),
    ...quotaProblems({ model, instanceName, instance: existing, projectUid, context }),
  ]
  const intent = intentOf(request, { model, existing, instanceName, projectUid, context })
  return decision({
    title: `Deploy ${instanceName}`,
    projectUid,
    targetUid: intent.instanceUid,
    steps: stepsOf(model, instanceName, existing, context),
    problems,
    warnings: [
      ...warnings.map((warning) => ({ code: 'InvalidArgument' as const, ...warning })),
      ...secretWarnings(model),
    ],
    changes: intent.changes,
    goals: [{ type: 'instance', uid: intent.instanceUid }],
    undo: [
      existing === undefined
        ? { type: 'remove', kind: 'Instance', uid: intent.instanceUid }
        : { type: 'restoreInstance', uid: intent.instanceUid, spec: existing.spec },
    ],
    result: resultOf(model),
  })
}

function requireName(name: string): void {
  if (isDnsLabel(name)) return
  throw new PolisError('InvalidArgument', `${JSON.stringify(name.slice(0, 80))} cannot be a name`, {
    path: 'application',
    hint: 'use lower-case letters, digits and hyphens, at most 63, beginning and ending with a letter or digit',
  })
}

function contextProblems(
  request: DeployRequest,
  model: ApplicationModel,
  { outside }: PlanContext,
): readonly Problem[] {
  const built = model.services.filter(({ source }) => source.type === 'build')
  const isMissing = request.contextDigest === undefined || !outside.hasContext
  if (built.length === 0 || !isMissing) return []
  return built.map(({ name }) =>
    problem(
      'FailedPrecondition',
      `services.${name}.build`,
      request.contextDigest === undefined
        ? 'a build needs the folder it is built from'
        : 'the uploaded folder is not there any more',
      'deploy the folder: polis deploy PATH',
    ),
  )
}

function ownershipProblems(
  request: DeployRequest,
  existing: Instance | undefined,
  { reader }: PlanContext,
  projectUid: string,
): readonly Problem[] {
  if (existing === undefined) return []
  const { name, deletionRequestedAt } = existing.metadata
  if (deletionRequestedAt !== undefined) {
    return [
      problem(
        'FailedPrecondition',
        'instance',
        `${name} is being removed`,
        'wait until it is gone',
      ),
    ]
  }
  const owner = reader.find('Application', existing.spec.applicationUid)
  const wanted = reader.findByName('Application', projectUid, request.application)
  if (owner === undefined || owner.metadata.uid === wanted?.metadata.uid) return []
  const message = `the name ${name} belongs to an instance of application ${owner.metadata.name}`
  return [problem('AlreadyExists', 'instance', message, 'give another: --name NAME')]
}

interface IntentInput {
  readonly model: ApplicationModel
  readonly existing: Instance | undefined
  readonly instanceName: string
  readonly projectUid: string
  readonly context: PlanContext
}

/** Few writes, whatever the application's size: its revision is turned into objects by the instance's reconciler. */
function intentOf(
  request: DeployRequest,
  input: IntentInput,
): { readonly instanceUid: string; readonly changes: readonly ObjectChange[] } {
  const { model, existing, instanceName, projectUid, context } = input
  const { reader } = context
  const application = reader.findByName('Application', projectUid, request.application)
  const applicationUid = application?.metadata.uid ?? newUid()
  const instanceUid = existing?.metadata.uid ?? newUid()
  const revisionUid = newUid()
  const number =
    1 + Math.max(0, ...reader.ownedBy('Revision', instanceUid).map(({ spec }) => spec.number))
  const revisionSpec = {
    instanceUid,
    number,
    files: [...request.files],
    model: toRecord(model),
    ...(request.contextDigest === undefined ? {} : { contextDigest: request.contextDigest }),
  }
  const spec: InstanceSpec = {
    applicationUid,
    revisionUid,
    overrides: existing?.spec.overrides ?? {},
    isStopped: false,
  }
  const changes: ObjectChange[] = [
    {
      type: 'create',
      draft: {
        kind: 'Revision',
        metadata: {
          uid: revisionUid,
          name: revisionName(instanceName, number),
          projectUid,
          ownerUid: instanceUid,
        },
        spec: revisionSpec,
      },
    },
  ]
  if (application === undefined) {
    const metadata = { uid: applicationUid, name: request.application, projectUid }
    changes.push({ type: 'create', draft: { kind: 'Application', metadata, spec: {} } })
  }
  if (existing === undefined) {
    const metadata = { uid: instanceUid, name: instanceName, projectUid }
    changes.push({ type: 'create', draft: { kind: 'Instance', metadata, spec } })
  } else {
    changes.push({ type: 'spec', before: existing, spec })
  }
  return { instanceUid, changes: [...changes, ...retriedBuilds(input, revisionSpec)] }
}

/** A build that failed is tried again when the same source is deployed again. */
function retriedBuilds(
  { instanceName, projectUid, context }: IntentInput,
  spec: Parameters<typeof imagesOf>[1]['spec'],
): readonly ObjectChange[] {
  return imagesOf(instanceName, { spec }).flatMap(({ name }): ObjectChange[] => {
    const image = context.reader.findByName('Image', projectUid, name)
    if (image === undefined || !isFinal(image)) return []
    return [
      {
        type: 'status',
        before: image,
        status: { ...image.status, observedGeneration: 0, conditions: [] },
      },
    ]
  })
}

function stepsOf(
  model: ApplicationModel,
  instanceName: string,
  existing: Instance | undefined,
  { reader }: PlanContext,
): Decision['steps'] {
  const before = existing && reader.find('Revision', existing.spec.revisionUid)
  const old = before === undefined ? undefined : ApplicationModel.parse(before.spec.model)
  const difference = old && diffModels(old, model)
  return [
    ...model.services.flatMap((service) => serviceSteps(service, difference, instanceName)),
    ...(difference?.removedServices ?? []).map((name) => ({
      key: `service/${name}`,
      title: `Remove service ${name}`,
    })),
    ...keptByHand(existing),
  ]
}

function serviceSteps(
  service: ServiceModel,
  difference: ModelDifference | undefined,
  instanceName: string,
): Decision['steps'] {
  const { name, source, replicas } = service
  const tasks = replicas === 1 ? '1 task' : `${replicas} tasks`
  const isNew = difference === undefined || difference.addedServices.includes(name)
  const changed = difference?.changedServices.find((other) => other.service === name)
  const replacing = (changed?.fields ?? [])
    .filter(({ isReplacing }) => isReplacing)
    .map(({ field, keys }) => (keys.length === 0 ? field : `${field} (${keys.join(', ')})`))
  return [
    {
      key: `image/${name}`,
      title:
        source.type === 'build'
          ? `Build image of ${name} from ${source.contextPath}`
          : `Find image ${source.reference} for ${name}`,
    },
    ...service.databases.map((database) => ({
      key: `database/${name}/${database.name}`,
      title: `Give ${name} database ${database.database ?? derivedName(instanceName, database.name)}`,
    })),
    ...service.dynamicVolumes.map((volume) => ({
      key: `volume/${name}/${volume.name}`,
      title: `Give ${name} volume ${volume.volume ?? derivedName(instanceName, volume.name)} at /polis/${volume.name}`,
    })),
    {
      key: `service/${name}`,
      title: isNew
        ? `Run ${name}: ${tasks}`
        : replacing.length === 0
          ? `Keep the tasks of ${name}, unless its image changed`
          : `Replace the tasks of ${name}: ${replacing.join(', ')} changed`,
    },
    ...service.domains.map(({ host, port }) => ({
      key: `route/${host}`,
      title: `Answer for ${host} by ${name}${port === undefined ? '' : `:${port}`}`,
    })),
    ...service.ports.map(({ address, publishedPort, targetPort }) => ({
      key: `port/${name}/${targetPort}`,
      title: `Open port ${address}:${publishedPort ?? '(given out)'} to ${name}:${targetPort}`,
    })),
  ]
}

/** What operators changed by hand stays over a deploy: said, so that nobody wonders. */
function keptByHand(existing: Instance | undefined): Decision['steps'] {
  return Object.entries(existing?.spec.overrides ?? {}).flatMap(([name, override]) => {
    const kept = [
      ...(override.replicas === undefined ? [] : [`${override.replicas} tasks`]),
      ...Object.keys(override.environment ?? {}).map((variable) => `variable ${variable}`),
      ...(override.detached ?? []).map((key) => `${key.replace('/', ' ')} detached`),
    ]
    if (kept.length === 0) return []
    const title = `Keep what was changed by hand for ${name}: ${kept.join(', ')}`
    return [{ key: `kept/${name}`, title }]
  })
}

const SECRET_NAME = /pass(word|wd)?|secret|token|api_?key|private_?key|credential/i

function secretWarnings(model: ApplicationModel): readonly Problem[] {
  return model.services.flatMap((service) => [
    ...Object.keys(service.environment)
      .filter((name) => SECRET_NAME.test(name) && service.environment[name] !== '')
      .map((name) =>
        problem(
          'InvalidArgument',
          `services.${service.name}.environment.${name}`,
          `${name} looks like a secret and would be readable by everyone who may see this service`,
          'keep it as a secret: polis secret set, polis attach secret',
        ),
      ),
    ...service.databases.flatMap(({ env, name: alias }) =>
      Object.entries(env)
        .filter(([, field]) => field === 'uri' || field === 'password')
        .map(([name]) =>
          problem(
            'InvalidArgument',
            `services.${service.name}.x-polis.databases.${alias}.env.${name}`,
            `${name} puts the database's password into the environment, where the engine shows it`,
            `read it from the file /polis/bindings/${alias} instead`,
          ),
        ),
    ),
  ])
}

function resultOf(model: ApplicationModel): Readonly<Record<string, string>> {
  const host = model.services.flatMap(({ domains }) => domains)[0]?.host
  return host === undefined ? {} : { host }
}

function toRecord(value: object): Record<string, unknown> {
  return toJson(value) as Record<string, unknown>
}
