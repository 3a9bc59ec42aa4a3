// How many tasks, how large, and how long they are kept: deploy, scale, restart and the older keys beside them.
import type { Field } from './field.ts'
import {
  DEPLOY_KEYS,
  LIMITS_KEYS,
  RESERVATIONS_KEYS,
  RESOURCES_KEYS,
  RESTART_POLICY_KEYS,
} from './keys.ts'
import type { ResourcesModel } from './model.ts'
import { bytesOf, coresOf } from './units.ts'

const LEAST_MEMORY = 6 * 1024 * 1024
const MOST_REPLICAS = 1000
const ON_EXIT = 'services are kept running: this one also starts again after it exits with 0'

interface Deployment {
  readonly replicas: number
  readonly resources: ResourcesModel
}

export function readDeployment(keys: ReadonlyMap<string, Field>): Deployment {
  const deploy = keys.get('deploy')?.asKeys(DEPLOY_KEYS)
  const restart = keys.get('restart')
  if (restart !== undefined) readRestart(restart)
  if (deploy !== undefined) readDeployChoices(deploy)
  return { replicas: readReplicas(keys, deploy), resources: readResources(keys, deploy) }
}

function readReplicas(
  keys: ReadonlyMap<string, Field>,
  deploy: ReadonlyMap<string, Field> | undefined,
): number {
  const scale = keys.get('scale')
  const replicas = deploy?.get('replicas')?.asInteger(0, MOST_REPLICAS)
  const scaled = scale?.asInteger(0, MOST_REPLICAS)
  if (scaled !== undefined && replicas !== undefined && scaled !== replicas) {
    scale?.refuse(`scale says ${scaled} and deploy.replicas ${replicas}`, { hint: 'remove scale' })
  }
  return replicas ?? scaled ?? 1
}

function readRestart(field: Field): void {
  const text = field.asText()
  if (text === undefined || text === 'always' || text === 'unless-stopped') return
  if (text === 'on-failure') field.warn(ON_EXIT)
  else if (/^on-failure:\d+$/.test(text)) {
    field.refuse('a limit of restarts is not supported', {
      code: 'Unimplemented',
      hint: 'write on-failure or always',
    })
  } else if (text === 'no') refuseOneOff(field)
  else field.asChoice(['always', 'unless-stopped', 'on-failure', 'no'])
}

function readDeployChoices(deploy: ReadonlyMap<string, Field>): void {
  const mode = deploy.get('mode')
  if (mode !== undefined && mode.asText() !== 'replicated') {
    mode.refuse(`mode ${mode.quoted} is not supported`, {
      code: 'Unimplemented',
      hint: 'write replicated, and how many in replicas',
    })
  }
  const endpoint = deploy.get('endpoint_mode')
  if (endpoint !== undefined && endpoint.asText() !== 'dnsrr') {
    endpoint.refuse(`endpoint_mode ${endpoint.quoted} is not supported`, {
      code: 'Unimplemented',
      hint: 'leave it out: the name of a service stands for the addresses of all its tasks (dnsrr)',
    })
  }
  const condition = deploy.get('restart_policy')?.asKeys(RESTART_POLICY_KEYS).get('condition')
  const choice = condition?.asChoice(['any', 'on-failure', 'none'])
  if (choice === 'on-failure') condition?.warn(ON_EXIT)
  if (choice === 'none' && condition !== undefined) refuseOneOff(condition)
}

function refuseOneOff(field: Field): void {
  field.refuse('tasks that run once are not supported: services are kept running', {
    code: 'Unimplemented',
    hint: 'leave restart out, or do one-time work at the start of a service that stays',
  })
}

function readResources(
  keys: ReadonlyMap<string, Field>,
  deploy: ReadonlyMap<string, Field> | undefined,
): ResourcesModel {
  const parts = deploy?.get('resources')?.asKeys(RESOURCES_KEYS)
  const limits = parts?.get('limits')?.asKeys(LIMITS_KEYS)
  const reserved = parts?.get('reservations')?.asKeys(RESERVATIONS_KEYS)
  const memoryBytes = one(keys.get('mem_limit'), limits?.get('memory'), readMemory)
  const memoryReservationBytes = one(
    keys.get('mem_reservation'),
    reserved?.get('memory'),
    readMemory,
  )
  const cpus = one(keys.get('cpus'), limits?.get('cpus'), readCores)
  const cpusReservation = one(undefined, reserved?.get('cpus'), readCores)
  const pids = one(keys.get('pids_limit'), limits?.get('pids'), readPids)
  if (memoryBytes !== undefined && (memoryReservationBytes ?? 0) > memoryBytes) {
    const field = reserved?.get('memory') ?? keys.get('mem_reservation')
    field?.refuse('more memory is reserved than the limit allows')
  }
  if (cpus !== undefined && (cpusReservation ?? 0) > cpus) {
    reserved?.get('cpus')?.refuse('more CPU is reserved than the limit allows')
  }
  return {
    ...(memoryBytes === undefined ? {} : { memoryBytes }),
    ...(cpus === undefined ? {} : { cpus }),
    ...(memoryReservationBytes === undefined ? {} : { memoryReservationBytes }),
    ...(cpusReservation === undefined ? {} : { cpusReservation }),
    ...(pids === undefined ? {} : { pids }),
  }
}

/** The older key of the service and the newer below deploy mean the same; both may be there if they agree. */
function one(
  older: Field | undefined,
  newer: Field | undefined,
  read: (field: Field) => number | undefined,
): number | undefined {
  const before = older === undefined ? undefined : read(older)
  const value = newer === undefined ? undefined : read(newer)
  if (before !== undefined && value !== undefined && before !== value) {
    older?.refuse(`this and ${newer?.path} say different things`, { hint: 'remove this one' })
  }
  // Zero and less is how the engine says "no limit".
  const chosen = value ?? before ?? 0
  return chosen > 0 ? chosen : undefined
}

function readMemory(field: Field): number | undefined {
  const text = field.asWritten()
  if (text === undefined) return undefined
  const bytes = bytesOf(text)
  if (bytes === undefined) {
    return field.refuse(`${field.quoted} is not a size`, { hint: 'write it like 512m or 1g' })
  }
  if (bytes > 0 && bytes < LEAST_MEMORY) {
    return field.refuse('a container needs at least 6m of memory', { hint: 'give a unit: 512m' })
  }
  return bytes
}

function readCores(field: Field): number | undefined {
  const text = field.asWritten()
  if (text === undefined) return undefined
  const cores = coresOf(text)
  if (cores === undefined || (cores > 0 && cores < 0.01)) {
    return field.refuse(`${field.quoted} is not a number of cores`, {
      hint: 'write it like 0.5 or 2, at least 0.01',
    })
  }
  return cores
}

function readPids(field: Field): number | undefined {
  return field.asInteger(-1, 4_194_304)
}
