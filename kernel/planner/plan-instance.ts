import { PolisError } from '@polis/lib/error'
import { newUid } from '@polis/lib/uid'
import type { Instance, InstanceSpec, ServiceOverride } from '@polis/resources/instance'
import type { RequestOf } from '../operations/request.ts'
import { type Decision, decision, type PlanContext } from './decision.ts'
import { named, namedService } from './lookup.ts'

/** Scale and environment: the operator's layer, which deploys leave alone. */
export function planOverride(request: RequestOf<'override'>, { reader }: PlanContext): Decision {
  const { instance, service } = namedService(reader, request)
  const before = instance.spec.overrides[request.service] ?? {}
  const { environment, ...rest } = request.override
  const merged = { ...before.environment, ...environment }
  for (const name of request.unsetEnvironment) delete merged[name]
  const override: ServiceOverride = { ...before, ...rest, environment: merged }
  const isRestarting = environment !== undefined || request.unsetEnvironment.length > 0
  const { replicas } = request.override
  return change(
    instance,
    `Change ${request.instance}/${request.service}`,
    withOverrides(instance, { [request.service]: override }),
    [
      ...(replicas === undefined
        ? []
        : [
            {
              key: 'scale',
              title: `Run ${replicas} tasks of ${request.service} (now ${service.spec.replicas})`,
            },
          ]),
      ...(isRestarting
        ? [
            {
              key: 'replace',
              title: `Replace the tasks of ${request.service}: its environment changed`,
            },
          ]
        : []),
    ],
  )
}

export function planRollback(request: RequestOf<'rollback'>, { reader }: PlanContext): Decision {
  const instance = named(reader, 'Instance', request.project, request.instance)
  const revisions = reader
    .ownedBy('Revision', instance.metadata.uid)
    .filter(({ metadata }) => metadata.deletionRequestedAt === undefined)
    .toSorted((a, b) => b.spec.number - a.spec.number)
  const current = reader.get('Revision', instance.spec.revisionUid)
  const target = revisions.find(({ spec }) =>
    request.revision === undefined
      ? spec.number < current.spec.number
      : spec.number === request.revision,
  )
  if (target === undefined) {
    throw new PolisError(
      'NotFound',
      request.revision === undefined
        ? `${request.instance} has no revision before ${current.spec.number}`
        : `${request.instance} has no revision ${request.revision}`,
      { path: 'revision', hint: `it has ${revisions.map(({ spec }) => spec.number).join(', ')}` },
    )
  }
  const title = `Go back from revision ${current.spec.number} to ${target.spec.number}`
  const spec = { ...instance.spec, revisionUid: target.metadata.uid, isStopped: false }
  return change(instance, `Roll back ${request.instance}`, spec, [{ key: 'rollback', title }])
}

export function planStartStop(
  request: RequestOf<'start' | 'stop'>,
  { reader }: PlanContext,
): Decision {
  const instance = named(reader, 'Instance', request.project, request.instance)
  const isStopped = request.type === 'stop'
  const verb = isStopped ? 'Stop' : 'Start'
  return change(instance, `${verb} ${request.instance}`, { ...instance.spec, isStopped }, [
    { key: request.type, title: `${verb} all tasks of ${request.instance}` },
  ])
}

export function planRestart(request: RequestOf<'restart'>, { reader }: PlanContext): Decision {
  const instance = named(reader, 'Instance', request.project, request.instance)
  const services =
    request.service === undefined
      ? reader.ownedBy('Service', instance.metadata.uid).map(({ spec }) => spec.serviceName)
      : [namedService(reader, { ...request, service: request.service }).service.spec.serviceName]
  const restartToken = newUid()
  const overrides = Object.fromEntries(
    services.map((name) => [name, { ...instance.spec.overrides[name], restartToken }]),
  )
  return change(
    instance,
    `Restart ${request.instance}`,
    withOverrides(instance, overrides),
    services.map((name) => ({ key: `restart/${name}`, title: `Replace the tasks of ${name}` })),
  )
}

export function planRemoveInstance(
  request: RequestOf<'removeInstance'>,
  { reader }: PlanContext,
): Decision {
  const instance = named(reader, 'Instance', request.project, request.instance)
  const { uid, projectUid, name } = instance.metadata
  const kept = [...reader.ownedBy('Database', uid), ...reader.ownedBy('Volume', uid)]
  const services = reader.ownedBy('Service', uid)
  return decision({
    title: `Remove ${name}`,
    projectUid,
    targetUid: uid,
    steps: [
      ...services.map(({ spec }) => ({
        key: `service/${spec.serviceName}`,
        title: `Stop and remove ${spec.serviceName}`,
      })),
      ...kept.map((object) => ({
        key: `bin/${object.metadata.name}`,
        title: `Move ${object.kind.toLowerCase()} ${object.metadata.name} to the bin, data kept`,
      })),
    ],
    changes: [{ type: 'requestDeletion', before: instance }],
    goals: [{ type: 'gone', kind: 'Instance', uid, title: `Remove ${name}` }],
  })
}

function withOverrides(instance: Instance, overrides: InstanceSpec['overrides']): InstanceSpec {
  return { ...instance.spec, overrides: { ...instance.spec.overrides, ...overrides } }
}

function change(
  instance: Instance,
  title: string,
  spec: InstanceSpec,
  steps: Decision['steps'],
): Decision {
  const { uid, projectUid } = instance.metadata
  return decision({
    title,
    projectUid,
    targetUid: uid,
    steps,
    changes: [{ type: 'spec', before: instance, spec }],
    goals: [{ type: 'instance', uid }],
    undo: [{ type: 'restoreInstance', uid, spec: instance.spec }],
  })
}
