import { z } from 'zod'
import { type Contract, streaming, unary } from '../contract.ts'
import { type DeviceLifecycle, Nothing, ObservedDevice } from '../driver.ts'

export const BuildRequest = z.object({
  /** Uid of the Image object; the built image carries it as a label. */
  uid: z.string(),
  /** Digest (`sha256:…`) of a tar of the build context, fetched through DriverHost.openBlob. */
  contextDigest: z.string(),
  /** Path of the context inside that tar; '.' is its root. */
  contextPath: z.string(),
  /** Path of the Dockerfile, relative to the context. */
  dockerfile: z.string(),
  target: z.string().optional(),
  buildArgs: z.record(z.string(), z.string()),
  /** Local name to give to the result, with a tag. */
  tag: z.string(),
  limits: z.object({
    memoryBytes: z.number().int().positive(),
    /** 1 = one core. */
    cpus: z.number().positive(),
  }),
})
export type BuildRequest = z.infer<typeof BuildRequest>

/** `log` lines as they come, then exactly one `built`. A failure is thrown, with the last lines in its message. */
export const BuildProgress = z.discriminatedUnion('type', [
  z.object({ type: z.literal('log'), text: z.string() }),
  z.object({ type: z.literal('built'), imageId: z.string() }),
])
export type BuildProgress = z.infer<typeof BuildProgress>

/** Device class: turns a build context into an image on its node. Every method is safe to repeat. */
export interface BuilderPort extends DeviceLifecycle {
  /**
   * Builds. Throws InvalidArgument when the Dockerfile is missing or wrong or a step of it fails (message: its last
   * lines), NotFound when the context or a base image is not to be had, ResourceExhausted when disk or memory ran out.
   * Aborting, or leaving the stream, ends the build and leaves no container of it.
   */
  build(input: BuildRequest, signal: AbortSignal): AsyncIterable<BuildProgress>
  /** Makes the image of that id absent on this node unless something uses it (FailedPrecondition). */
  removeImage(input: { imageId: string }, signal: AbortSignal): Promise<Nothing>
  /** Images this device built and still has, by uid of the Image object. */
  listImages(input: Nothing, signal: AbortSignal): Promise<{ images: BuiltImage[] }>
}

export const BuiltImage = z.object({ uid: z.string(), imageId: z.string(), sizeBytes: z.number() })
export type BuiltImage = z.infer<typeof BuiltImage>

export const builderContract: Contract<BuilderPort> = {
  ensureDevice: unary(Nothing, ObservedDevice),
  observeDevice: unary(Nothing, ObservedDevice),
  removeDevice: unary(Nothing, Nothing),
  build: streaming(BuildRequest, BuildProgress),
  removeImage: unary(z.object({ imageId: z.string() }), Nothing),
  listImages: unary(Nothing, z.object({ images: z.array(BuiltImage) })),
}
