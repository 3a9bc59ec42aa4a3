import { z } from 'zod'
import { type Contract, unary } from '../contract.ts'
import { type DeviceLifecycle, Nothing, ObservedDevice } from '../driver.ts'

export const PushRequest = z.object({
  /** Id of an image on this node. */
  imageId: z.string(),
  /** Repository path without host: `project/application/service`. */
  repository: z.string(),
  tag: z.string(),
})
export type PushRequest = z.infer<typeof PushRequest>

export const StoredImage = z.object({
  repository: z.string(),
  tag: z.string(),
  /** `sha256:…` of the manifest. */
  digest: z.string(),
  /** `host:port/repository@sha256:…`: what any node of the cluster can fetch. */
  reference: z.string(),
})
export type StoredImage = z.infer<typeof StoredImage>

/**
 * Device class: keeps images for all nodes, over TLS by Polis' CA; only holders of a certificate of that CA get in.
 * ObservedDevice.facts has `address` (`host:port`). Every method is safe to repeat.
 */
export interface RegistryPort extends DeviceLifecycle {
  /**
   * Stores an image of this node. Throws NotFound for an unknown image, InvalidArgument for a repository or tag that is none,
   * ResourceExhausted when the registry's disk is full.
   */
  push(input: PushRequest, signal: AbortSignal): Promise<StoredImage>
  list(input: Nothing, signal: AbortSignal): Promise<{ images: StoredImage[] }>
  /** Makes the manifest absent. The room is given back by collectGarbage. */
  remove(input: { repository: string; digest: string }, signal: AbortSignal): Promise<Nothing>
  collectGarbage(input: Nothing, signal: AbortSignal): Promise<Nothing>
}

export const registryContract: Contract<RegistryPort> = {
  ensureDevice: unary(Nothing, ObservedDevice),
  observeDevice: unary(Nothing, ObservedDevice),
  removeDevice: unary(Nothing, Nothing),
  push: unary(PushRequest, StoredImage),
  list: unary(Nothing, z.object({ images: z.array(StoredImage) })),
  remove: unary(z.object({ repository: z.string(), digest: z.string() }), Nothing),
  collectGarbage: unary(Nothing, Nothing),
}
