// What changed between two models of one application, so that a plan can say which tasks will be replaced, and why.
import type {
  ApplicationModel,
  DatabaseRequest,
  NamedVolumeModel,
  PortModel,
  ServiceModel,
} from './model.ts'
import { byText } from './pairs.ts'

export type ServiceField = Exclude<keyof ServiceModel, 'name'>

interface FieldDifference {
  readonly field: ServiceField
  /** The running tasks must give way to new ones; otherwise the change reaches them while they run. */
  readonly isReplacing: boolean
  /** Which variables, labels, ports or names differ; empty when the field changed as a whole. Never values. */
  readonly keys: readonly string[]
}

export interface ServiceDifference {
  readonly service: string
  readonly fields: readonly FieldDifference[]
}

export interface ModelDifference {
  readonly addedServices: readonly string[]
  readonly removedServices: readonly string[]
  /** Only services that are in both and differ. */
  readonly changedServices: readonly ServiceDifference[]
  readonly addedVolumes: readonly string[]
  readonly removedVolumes: readonly string[]
  /** Another name, or no longer external, or external now. Labels alone are a change too. */
  readonly changedVolumes: readonly string[]
}

/** True: a container cannot change this after its start. */
const REPLACING: Readonly<Record<ServiceField, boolean>> = {
  aliases: true,
  source: true,
  command: true,
  entrypoint: true,
  workingDir: true,
  user: true,
  init: true,
  environment: true,
  labels: true,
  ports: false,
  exposedPorts: false,
  volumeMounts: true,
  bindMounts: true,
  dependsOn: false,
  healthCheck: true,
  replicas: false,
  resources: true,
  stopGracePeriodMs: true,
  stopSignal: true,
  restart: true,
  domains: false,
  databases: false,
  dynamicVolumes: false,
}

/** `before` to `after`, everything in canonical order. Equal models have no differences. */
export function diffModels(before: ApplicationModel, after: ApplicationModel): ModelDifference {
  const services = compare(before.services, after.services, ({ name }) => name)
  const volumes = compare(before.volumes, after.volumes, ({ key }) => key)
  return {
    addedServices: services.added,
    removedServices: services.removed,
    changedServices: services.kept.flatMap(([old, now]) => {
      const fields = diffServices(old, now)
      return fields.length === 0 ? [] : [{ service: now.name, fields }]
    }),
    addedVolumes: volumes.added,
    removedVolumes: volumes.removed,
    changedVolumes: volumes.kept.flatMap(([old, now]) => (isSame(old, now) ? [] : [now.key])),
  }
}

/** True when at least one task of the service must be replaced. */
export function replacesTasks({ fields }: ServiceDifference): boolean {
  return fields.some(({ isReplacing }) => isReplacing)
}

function diffServices(before: ServiceModel, after: ServiceModel): readonly FieldDifference[] {
  const differing = SERVICE_FIELDS.filter((field) => !isSame(before[field], after[field]))
  return differing.map((field) => ({
    field,
    isReplacing: field === 'databases' ? changesEnv(before, after) : REPLACING[field],
    keys: keysThatDiffer(field, before, after),
  }))
}

const SERVICE_FIELDS = (Object.keys(REPLACING) as readonly string[]).filter(isServiceField)

function isServiceField(key: string): key is ServiceField {
  return Object.hasOwn(REPLACING, key)
}

/** Bindings are files and change at once; only what also goes into the environment replaces tasks. */
function changesEnv(before: ServiceModel, after: ServiceModel): boolean {
  const withEnv = ({ databases }: ServiceModel): readonly DatabaseRequest[] =>
    databases.filter(({ env }) => Object.keys(env).length > 0)
  return !isSame(withEnv(before), withEnv(after))
}

type Entries = readonly (readonly [string, unknown])[]

/** Fields that have parts with names. */
const PARTS: Partial<Record<ServiceField, (service: ServiceModel) => Entries>> = {
  environment: ({ environment }) => Object.entries(environment),
  labels: ({ labels }) => Object.entries(labels),
  resources: ({ resources }) => Object.entries(resources),
  ports: ({ ports }) => ports.map((port) => [portText(port), port]),
  volumeMounts: ({ volumeMounts }) => volumeMounts.map((mount) => [mount.target, mount]),
  bindMounts: ({ bindMounts }) => bindMounts.map((mount) => [mount.target, mount]),
  dependsOn: ({ dependsOn }) => dependsOn.map((each) => [each.service, each]),
  domains: ({ domains }) => domains.map((domain) => [domain.host, domain]),
  databases: ({ databases }) => databases.map((request) => [request.name, request]),
  dynamicVolumes: ({ dynamicVolumes }) => dynamicVolumes.map((request) => [request.name, request]),
}

function portText({ address, publishedPort, targetPort }: PortModel): string {
  const host = address.includes(':') ? `[${address}]` : address
  return `${host}:${publishedPort ?? ''}:${targetPort}`
}

function keysThatDiffer(
  field: ServiceField,
  before: ServiceModel,
  after: ServiceModel,
): readonly string[] {
  const partsOf = PARTS[field]
  return partsOf === undefined ? [] : differingKeys(partsOf(before), partsOf(after))
}

function differingKeys(before: Entries, after: Entries): readonly string[] {
  const old = new Map(before)
  const now = new Map(after)
  const keys = new Set([...old.keys(), ...now.keys()])
  return [...keys].filter((key) => !isSame(old.get(key), now.get(key))).toSorted(byText)
}

interface Comparison<T> {
  readonly added: readonly string[]
  readonly removed: readonly string[]
  readonly kept: readonly (readonly [T, T])[]
}

function compare<T extends ServiceModel | NamedVolumeModel>(
  before: readonly T[],
  after: readonly T[],
  nameOf: (each: T) => string,
): Comparison<T> {
  const old = new Map(before.map((each) => [nameOf(each), each]))
  const now = new Map(after.map((each) => [nameOf(each), each]))
  return {
    added: [...now.keys()].filter((name) => !old.has(name)),
    removed: [...old.keys()].filter((name) => !now.has(name)),
    kept: [...now].flatMap(([name, each]) => {
      const other = old.get(name)
      return other === undefined ? [] : [[other, each] as const]
    }),
  }
}

/** Models are canonical, so equal values have equal text. */
function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}
