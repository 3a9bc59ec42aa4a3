import type { Problem } from '@polis/lib/error'
import type { KindName } from '@polis/resources/registry'
import type { ObjectReader } from '../objects/object-cache.ts'
import { problem } from './decision.ts'
import type { ConflictInput } from './find-conflicts.ts'
import { derivedName } from './naming.ts'

/** Which of the project's quotas an application would exceed. What it replaces of its own does not count. Pure. */
export function quotaProblems(input: ConflictInput): readonly Problem[] {
  const { model, instanceName, instance, projectUid, context } = input
  const { reader } = context
  const quotas = reader.find('Project', projectUid)?.spec.quotas ?? {}
  const tasksOfOthers = reader
    .list('Service')
    .filter(
      ({ metadata, spec }) =>
        metadata.projectUid === projectUid && spec.instanceUid !== instance?.metadata.uid,
    )
    .reduce((sum, { spec }) => sum + spec.replicas, 0)
  const tasks = model.services.reduce(
    (sum, { name, replicas }) => sum + (instance?.spec.overrides[name]?.replicas ?? replicas),
    0,
  )
  const databases = model.services.flatMap((service) =>
    service.databases.map(({ name, database }) => database ?? derivedName(instanceName, name)),
  )
  const volumes = [
    ...model.volumes.flatMap(({ key, name, isExternal }) =>
      isExternal ? [] : [name ?? derivedName(instanceName, key)],
    ),
    ...model.services.flatMap((service) =>
      service.dynamicVolumes.map(({ name, volume }) => volume ?? derivedName(instanceName, name)),
    ),
  ]
  return [
    ...exceeded('tasks', tasksOfOthers + tasks, quotas.maxTasks),
    ...exceeded(
      'databases',
      countWith(reader, 'Database', projectUid, databases),
      quotas.maxDatabases,
    ),
    ...exceeded('volumes', countWith(reader, 'Volume', projectUid, volumes), quotas.maxVolumes),
  ]
}

/** Objects of a kind that a project has, those of these names too. */
function countWith(
  reader: ObjectReader,
  kind: KindName,
  projectUid: string,
  names: readonly string[],
): number {
  const existing = reader
    .list(kind)
    .filter(({ metadata }) => metadata.projectUid === projectUid)
    .map(({ metadata }) => metadata.name)
  return new Set([...existing, ...names]).size
}

function exceeded(what: string, wanted: number, most: number | undefined): readonly Problem[] {
  if (most === undefined || wanted <= most) return []
  const message = `the project would have ${wanted} ${what}, and may have ${most}`
  return [problem('ResourceExhausted', 'project', message, `remove some, or have the quota raised`)]
}
