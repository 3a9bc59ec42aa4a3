// What a Compose file means, with nothing left to look up: variables put in, short forms written out, units turned
// into milliseconds and bytes. It is plain JSON in one order (lists by name, records by key), so equal input gives
// equal text and a text can be hashed. `ApplicationModel.parse` reads it back from a store, frozen.
import { z } from 'zod'
import { isDnsLabel, isHostName } from '@polis/lib/names'

const Label = z.string().refine(isDnsLabel, 'must be a DNS label')
const PortNumber = z.number().int().min(1).max(65535)
const TextRecord = z.record(z.string(), z.string()).readonly()
const TextList = z.array(z.string()).readonly()

/** How an image is made from the context that the deploy brings along. */
export const BuildModel = z
  .strictObject({
    type: z.literal('build'),
    /** Relative to the folder of the Compose file, with `/`, never above it; '.' is that folder. */
    contextPath: z.string(),
    /** Relative to the context. */
    dockerfile: z.string(),
    target: z.string().optional(),
    args: TextRecord,
    /** What the file also calls the result (`image:` beside `build:`); it is built all the same. */
    imageName: z.string().optional(),
  })
  .readonly()
export type BuildModel = z.infer<typeof BuildModel>

/** An image that exists somewhere; not yet pinned to a digest. */
export const ImageModel = z
  .strictObject({ type: z.literal('image'), reference: z.string() })
  .readonly()
export type ImageModel = z.infer<typeof ImageModel>

/** A port that the edge opens. */
export const PortModel = z
  .strictObject({
    /** The address to listen on; '0.0.0.0' when the file names none. IPv6 without brackets. */
    address: z.string(),
    /** Absent: the platform gives one out. */
    publishedPort: PortNumber.optional(),
    targetPort: PortNumber,
    protocol: z.literal('tcp'),
    /** For people only. */
    name: z.string().optional(),
  })
  .readonly()
export type PortModel = z.infer<typeof PortModel>

/** A port that the service listens on, opened nowhere. */
export const ExposedPortModel = z
  .strictObject({ port: PortNumber, protocol: z.literal('tcp') })
  .readonly()
export type ExposedPortModel = z.infer<typeof ExposedPortModel>

/** A static mount of a named volume, set when the task starts. */
export const VolumeMountModel = z
  .strictObject({
    /** `key` of one of ApplicationModel.volumes. */
    volume: Label,
    /** Absolute, normalised, never `/` and never in `/polis`. */
    target: z.string(),
    readOnly: z.boolean(),
  })
  .readonly()
export type VolumeMountModel = z.infer<typeof VolumeMountModel>

/** A folder or file of the node, below a root the administrator allowed. It must exist when the task starts. */
export const BindMountModel = z
  .strictObject({ source: z.string(), target: z.string(), readOnly: z.boolean() })
  .readonly()
export type BindMountModel = z.infer<typeof BindMountModel>

/** What must hold before the first task of this service starts. */
export const DependencyModel = z
  .strictObject({ service: Label, condition: z.enum(['started', 'healthy']) })
  .readonly()
export type DependencyModel = z.infer<typeof DependencyModel>

/**
 * - `image`: whatever the image says
 * - `disabled`: none, even if the image has one
 * - `custom`: as given; an empty `test` and each absent field are the image's, or else the engine's defaults
 */
export const HealthCheckModel = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('image') }).readonly(),
  z.strictObject({ type: z.literal('disabled') }).readonly(),
  z
    .strictObject({
      type: z.literal('custom'),
      /** As in an image: ['CMD', …] or ['CMD-SHELL', …]. */
      test: TextList,
      intervalMs: z.number().int().positive().optional(),
      timeoutMs: z.number().int().positive().optional(),
      startPeriodMs: z.number().int().nonnegative().optional(),
      retries: z.number().int().positive().optional(),
    })
    .readonly(),
])
export type HealthCheckModel = z.infer<typeof HealthCheckModel>

/** Absent means no limit and nothing reserved. */
export const ResourcesModel = z
  .strictObject({
    memoryBytes: z.number().int().positive().optional(),
    /** 1 = one core. */
    cpus: z.number().positive().optional(),
    memoryReservationBytes: z.number().int().positive().optional(),
    cpusReservation: z.number().positive().optional(),
    pids: z.number().int().positive().optional(),
  })
  .readonly()
export type ResourcesModel = z.infer<typeof ResourcesModel>

/** Asks that a host name leads to this service. */
export const DomainRequest = z
  .strictObject({
    /** Lower case, ASCII; `*.` may stand in front. */
    host: z.string().refine(isHostName, 'must be a host name'),
    /** Absent: the one port that the image exposes, if it is one. */
    port: PortNumber.optional(),
    tls: z.enum(['off']),
  })
  .readonly()
export type DomainRequest = z.infer<typeof DomainRequest>

/** Parts of a binding, as in servicebinding.io. */
export const BINDING_FIELDS = [
  'type',
  'provider',
  'host',
  'port',
  'username',
  'password',
  'database',
  'uri',
] as const
export type BindingField = (typeof BINDING_FIELDS)[number]

/** Asks for a database, bound at /polis/bindings/<name>. */
export const DatabaseRequest = z
  .strictObject({
    name: Label,
    /** Name of the device. At most one of `device` and `engine` is there; neither: the only database device. */
    device: Label.optional(),
    /** 'postgresql': the only device with that driver. */
    engine: Label.optional(),
    /** Name of the Database object; absent: `<instance>-<name>`. */
    database: Label.optional(),
    /** Environment variable to part of the binding; empty: files only, so that no task restarts for it. */
    env: z.record(z.string(), z.enum(BINDING_FIELDS)).readonly(),
  })
  .readonly()
export type DatabaseRequest = z.infer<typeof DatabaseRequest>

/** Asks for a dynamic volume, seen at /polis/<name>, attached and detached while tasks run. */
export const DynamicVolumeRequest = z
  .strictObject({
    /** Never 'bindings'. */
    name: Label,
    /** Name of the Volume object; absent: `<instance>-<name>`. */
    volume: Label.optional(),
    readOnly: z.boolean(),
    /** One task at a time: updates stop the old one first. */
    exclusive: z.boolean(),
  })
  .readonly()
export type DynamicVolumeRequest = z.infer<typeof DynamicVolumeRequest>

/** One service. */
export const ServiceModel = z
  .strictObject({
    name: Label,
    /** What other services of the instance call it: `name`, and the file's own spelling where that differs. */
    aliases: TextList,
    source: z.discriminatedUnion('type', [ImageModel, BuildModel]),
    /** Absent: the image's. Empty: none, even if the image has one. */
    command: TextList.optional(),
    /** Absent: the image's. Empty: none. Whenever it is there the image's command does not count. */
    entrypoint: TextList.optional(),
    workingDir: z.string().optional(),
    user: z.string().optional(),
    init: z.boolean().optional(),
    environment: TextRecord,
    labels: TextRecord,
    ports: z.array(PortModel).readonly(),
    /** Named by `expose` only; targets of `ports` and the image's own are not repeated here. */
    exposedPorts: z.array(ExposedPortModel).readonly(),
    volumeMounts: z.array(VolumeMountModel).readonly(),
    bindMounts: z.array(BindMountModel).readonly(),
    dependsOn: z.array(DependencyModel).readonly(),
    healthCheck: HealthCheckModel,
    replicas: z.number().int().nonnegative(),
    resources: ResourcesModel,
    stopGracePeriodMs: z.number().int().nonnegative(),
    /** With `SIG` in front, or a number. */
    stopSignal: z.string().optional(),
    /** Services are kept running, whatever their exit code. */
    restart: z.literal('always'),
    domains: z.array(DomainRequest).readonly(),
    databases: z.array(DatabaseRequest).readonly(),
    dynamicVolumes: z.array(DynamicVolumeRequest).readonly(),
  })
  .readonly()
export type ServiceModel = z.infer<typeof ServiceModel>

/** A named volume of the file. */
export const NamedVolumeModel = z
  .strictObject({
    /** What mounts call it. */
    key: Label,
    /** Name of the Volume object; absent: `<instance>-<key>`. */
    name: Label.optional(),
    /** It must exist already, is not owned by the instance and stays when that goes. */
    isExternal: z.boolean(),
    labels: TextRecord,
  })
  .readonly()
export type NamedVolumeModel = z.infer<typeof NamedVolumeModel>

/** A whole application. */
export const ApplicationModel = z
  .strictObject({
    version: z.literal(1),
    name: Label,
    /** By name; at least one. `dependsOn` has no cycle and names only these. */
    services: z.array(ServiceModel).readonly(),
    /** By key. */
    volumes: z.array(NamedVolumeModel).readonly(),
  })
  .readonly()
export type ApplicationModel = z.infer<typeof ApplicationModel>
