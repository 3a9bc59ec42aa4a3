import { builderContract, type BuilderPort } from './builder/class.ts'
import { databaseContract, type DatabasePort } from './database/class.ts'
import type { DeviceClass } from './driver.ts'
import { ingressContract, type IngressPort } from './ingress/class.ts'
import { orchestratorContract, type OrchestratorPort } from './orchestrator/class.ts'
import { registryContract, type RegistryPort } from './registry/class.ts'
import { volumeHostContract, type VolumeHostPort } from './volume-host/class.ts'

/** The port of each device class. */
export interface Ports {
  readonly orchestrator: OrchestratorPort
  readonly builder: BuilderPort
  readonly registry: RegistryPort
  readonly database: DatabasePort
  readonly ingress: IngressPort
  readonly 'volume-host': VolumeHostPort
}

/** The wire shapes of each device class. */
export const contracts = {
  orchestrator: orchestratorContract,
  builder: builderContract,
  registry: registryContract,
  database: databaseContract,
  ingress: ingressContract,
  'volume-host': volumeHostContract,
} as const satisfies Record<DeviceClass, unknown>

/** Where the kernel finds devices: near or far, it cannot tell. */
export interface Devices {
  /** The port of a device of that class. Throws Unavailable while the node that hosts it is away. */
  port<Class extends DeviceClass>(deviceClass: Class, device: DeviceAddress): Ports[Class]
}

/** A device and the node whose agent hosts it. */
export interface DeviceAddress {
  readonly nodeUid: string
  readonly driver: string
  readonly uid: string
  readonly name: string
  readonly parameters: Readonly<Record<string, unknown>>
}
