import type { Clock } from '@polis/lib/clock'
import type { Logger } from '@polis/lib/logger'
import { z } from 'zod'

export const DEVICE_CLASSES = [
  'orchestrator',
  'builder',
  'registry',
  'database',
  'ingress',
  'volume-host',
] as const
export type DeviceClass = (typeof DEVICE_CLASSES)[number]

/** What a driver says of itself before any device exists. */
export const DriverManifest = z.object({
  name: z.string(),
  class: z.enum(DEVICE_CLASSES),
  version: z.string(),
  /** One sentence for the person who chooses a driver. */
  summary: z.string(),
  /** JSON Schema of the parameters that `polis device add --set` takes. */
  parameters: z.record(z.string(), z.unknown()),
  /** Facts of the class that the kernel plans with; each class names and types its own. */
  capabilities: z.record(z.string(), z.unknown()),
})
export type DriverManifest = z.infer<typeof DriverManifest>

/** One installed thing that a driver is asked to run. */
export const DeviceIdentity = z.object({
  /** Uid of the Device object; stable for its life, never reused. */
  uid: z.string(),
  name: z.string(),
  parameters: z.record(z.string(), z.unknown()),
})
export type DeviceIdentity = z.infer<typeof DeviceIdentity>

/** What is there after `ensure`, whoever put it there. */
export const ObservedDevice = z.object({
  isReady: z.boolean(),
  /** Version of the engine behind the device, as the engine says it. */
  engineVersion: z.string().optional(),
  /** In words, when not ready: what is wrong. */
  message: z.string(),
  /** In words, when a person can mend it. */
  remedy: z.string().optional(),
  /** Facts for people and for the kernel, by class (an address, a bridge gateway, a path). Never secrets. */
  facts: z.record(z.string(), z.string()),
})
export type ObservedDevice = z.infer<typeof ObservedDevice>

/**
 * The part of every port that is the same for all classes: the device's own life.
 * Every method is safe to repeat and may be cut short by its signal.
 */
export interface DeviceLifecycle {
  /** Installs, starts and repairs the device until it is as its parameters say. Throws Unavailable when its engine is away. */
  ensureDevice(input: Record<string, never>, signal: AbortSignal): Promise<ObservedDevice>
  /** Looks, changes nothing. */
  observeDevice(input: Record<string, never>, signal: AbortSignal): Promise<ObservedDevice>
  /** Takes away what the driver installed. Data that people own (databases, volumes, images) stays where it was. */
  removeDevice(input: Record<string, never>, signal: AbortSignal): Promise<Record<string, never>>
}

/** Input or output without content. */
export const Nothing = z.object({})
export type Nothing = Record<string, never>

/** What the node gives to every driver it hosts. */
export interface DriverHost {
  /** Uid of this installation of Polis: everything made in an engine carries it, what does not is never touched. */
  readonly installationUid: string
  readonly nodeUid: string
  readonly nodeName: string
  /** Folder for what must outlive a reboot, private to this device. Exists. */
  readonly dataDir: string
  /** Folder on a tmpfs for sockets and pid files, private to this device. Exists; gone after a reboot. */
  readonly runDir: string
  readonly clock: Clock
  readonly logger: Logger
  /** Content-addressed transfer of bulk data from the kernel (build contexts): the blob's bytes, or NotFound. */
  openBlob(digest: string, signal: AbortSignal): Promise<ReadableStream<Uint8Array>>
  /** A certificate of Polis' own CA for a device on this node, and the CA's. PEM. The key is made here and never leaves. */
  issueCertificate(names: readonly string[], signal: AbortSignal): Promise<DeviceCertificate>
}

export interface DeviceCertificate {
  readonly certificatePem: string
  readonly privateKeyPem: string
  readonly caPem: string
  readonly expiresAt: Date
}

/** A driver as boot hands it to the agent: the manifest, and how to open a device of it. */
export interface Driver<Port extends DeviceLifecycle = DeviceLifecycle> {
  readonly manifest: DriverManifest
  /**
   * A port for one device. Opens nothing by itself: no file, socket or process before the first call.
   * Throws InvalidArgument, with every wrong parameter's path, when the parameters do not fit.
   */
  open(device: DeviceIdentity, host: DriverHost): Port
}
