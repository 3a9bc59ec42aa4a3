import { createHash } from 'node:crypto'
import type { HealthCheck, TaskSpec } from '@polis/hal/orchestrator'
import type { SwarmParameters } from './config.ts'
import { HUMAN_LABEL, INSTALLATION_LABEL, nameOf, SPEC_LABEL, TASK_LABEL } from './labels.ts'

const NANOS_PER_MS = 1_000_000
const LOG_FILES = 3

/** JSON with sorted keys and without undefined values: equal specs have equal text. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const pairs = Object.entries(value)
    .filter(([, each]) => each !== undefined)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
  return `{${pairs.map(([key, each]) => `${JSON.stringify(key)}:${canonical(each)}`).join(',')}}`
}

export function specHash(spec: TaskSpec): string {
  return createHash('sha256').update(canonical(spec)).digest('hex')
}

function toHealthCheck(check: HealthCheck): object {
  const nanos = (ms: number | undefined): number | undefined =>
    ms === undefined ? undefined : ms * NANOS_PER_MS
  return {
    Test: check.test,
    Interval: nanos(check.intervalMs),
    Timeout: nanos(check.timeoutMs),
    StartPeriod: nanos(check.startPeriodMs),
    Retries: check.retries,
  }
}

function toContainer(spec: TaskSpec, labels: Readonly<Record<string, string>>): object {
  return {
    Image: spec.image,
    Labels: { ...spec.labels, ...labels },
    Command: spec.entrypoint,
    Args: spec.command,
    Env: Object.entries(spec.environment).map(([name, value]) => `${name}=${value}`),
    Dir: spec.workingDir,
    User: spec.user,
    Init: spec.init,
    StopSignal: spec.stopSignal,
    StopGracePeriod: spec.stopGracePeriodMs * NANOS_PER_MS,
    Healthcheck: spec.healthCheck === undefined ? undefined : toHealthCheck(spec.healthCheck),
    Hosts: Object.entries(spec.hosts).map(([name, address]) => `${address} ${name}`),
    Mounts: spec.mounts.map(({ source, target, readOnly, propagation }) => ({
      Type: 'bind',
      Source: source,
      Target: target,
      ReadOnly: readOnly,
      BindOptions: { Propagation: propagation === 'rslave' ? 'rslave' : 'rprivate' },
    })),
  }
}

function toResources({ resources }: TaskSpec): object {
  const nanos = (cpus: number | undefined): number | undefined =>
    cpus === undefined ? undefined : Math.round(cpus * 1e9)
  return {
    Limits: {
      MemoryBytes: resources.memoryBytes,
      NanoCPUs: nanos(resources.cpus),
      Pids: resources.pids,
    },
    Reservations: {
      MemoryBytes: resources.memoryReservationBytes,
      NanoCPUs: nanos(resources.cpusReservation),
    },
  }
}

export interface ServiceContext {
  readonly installationUid: string
  readonly parameters: SwarmParameters
  /** Engine ids of the spec's networks, by uid. */
  readonly networkIds: ReadonlyMap<string, string>
}

/** The Swarm service of one task for `POST /services/create`. */
export function toServiceSpec(spec: TaskSpec, context: ServiceContext): object {
  const { installationUid, parameters, networkIds } = context
  const labels = {
    [INSTALLATION_LABEL]: installationUid,
    [TASK_LABEL]: spec.uid,
    [HUMAN_LABEL]: spec.label,
  }
  return {
    Name: nameOf(spec.uid),
    Labels: { ...labels, [SPEC_LABEL]: specHash(spec) },
    TaskTemplate: {
      ContainerSpec: toContainer(spec, labels),
      Resources: toResources(spec),
      RestartPolicy: { Condition: 'any', Delay: parameters.restartDelayMs * NANOS_PER_MS },
      Placement:
        spec.engineNode === undefined ? {} : { Constraints: [`node.id==${spec.engineNode}`] },
      Networks: spec.networks.map(({ uid, aliases }) => ({
        Target: networkIds.get(uid),
        Aliases: aliases,
      })),
      LogDriver: {
        Name: 'json-file',
        Options: { 'max-size': String(parameters.logFileBytes), 'max-file': String(LOG_FILES) },
      },
    },
    Mode: { Replicated: { Replicas: 1 } },
    // Virtual addresses need IPVS, and would hide which task answers.
    EndpointSpec: { Mode: 'dnsrr' },
  }
}
