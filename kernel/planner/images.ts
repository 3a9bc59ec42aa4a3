import type { ApplicationModel, ServiceModel } from '@polis/compose/model'
import { createHash } from 'node:crypto'
import { PolisError } from '@polis/lib/error'
import type { Image, ImageSource } from '@polis/resources/image'
import type { Revision } from '@polis/resources/revision'
import { canonical } from '../controller/report.ts'
import type { ObjectReader } from '../objects/object-cache.ts'

export interface WantedImage {
  readonly serviceName: string
  readonly name: string
  readonly source: ImageSource
}

/**
 * The image of each service of a revision. What is built is named by its source, so that the same source is built
 * once; what is fetched is named by its revision, since a tag may mean something else next time.
 */
export function imagesOf(
  instanceName: string,
  revision: Pick<Revision, 'spec'>,
): readonly WantedImage[] {
  const { model, number, contextDigest } = revision.spec
  // Written by the reader of Compose files and read back by its own schema where that is needed whole.
  const { services } = model as Pick<ApplicationModel, 'services'>
  return services.map((service) => {
    const source = sourceOf(service, contextDigest)
    const tail = source.type === 'build' ? `b${hashOf(source).slice(0, 12)}` : `r${number}`
    return { serviceName: service.name, name: `${instanceName}.${service.name}.${tail}`, source }
  })
}

/** The image objects of a revision, by service name; those not made yet are missing. */
export function findImages(
  reader: ObjectReader,
  instance: {
    readonly metadata: { readonly name: string; readonly projectUid?: string | undefined }
  },
  revision: Revision,
): ReadonlyMap<string, Image | undefined> {
  const { name, projectUid } = instance.metadata
  return new Map(
    imagesOf(name, revision).map((image) => [
      image.serviceName,
      reader.findByName('Image', projectUid, image.name),
    ]),
  )
}

function sourceOf({ source }: ServiceModel, contextDigest: string | undefined): ImageSource {
  if (source.type === 'image') return { type: 'reference', reference: source.reference }
  if (contextDigest === undefined)
    throw new PolisError('Internal', 'a revision that is built has no context')
  const { contextPath, dockerfile, target, args } = source
  return {
    type: 'build',
    contextDigest,
    contextPath,
    dockerfile,
    buildArgs: { ...args },
    ...(target === undefined ? {} : { target }),
  }
}

function hashOf(source: ImageSource): string {
  return createHash('sha256').update(canonical(source)).digest('hex')
}
