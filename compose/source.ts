// Where a service's image comes from: `image`, `build`, or both.
import { posix } from 'node:path'
import type { Field } from './field.ts'
import { BUILD_KEYS } from './keys.ts'
import type { BuildModel, ImageModel } from './model.ts'
import { readSettings } from './pairs.ts'
import type { Environment } from './template.ts'

/** Undefined when refused. */
export function readSource(
  service: Field,
  keys: ReadonlyMap<string, Field>,
  environment: Environment,
): ImageModel | BuildModel | undefined {
  const image = keys.get('image')
  const build = keys.get('build')
  const reference = image === undefined ? undefined : readReference(image)
  if (build === undefined) {
    if (image === undefined) return service.refuse('neither image nor build is given')
    return reference === undefined ? undefined : { type: 'image', reference }
  }
  if (reference !== undefined) {
    image?.warn('the service is built from its source; image only names the result')
  }
  const model = readBuild(build, environment)
  return model === undefined || reference === undefined ? model : { ...model, imageName: reference }
}

function readBuild(field: Field, environment: Environment): BuildModel | undefined {
  if (field.isText) {
    const contextPath = readInnerPath(field, 'the folder of the Compose file')
    if (contextPath === undefined) return undefined
    return { type: 'build', contextPath, dockerfile: 'Dockerfile', args: {} }
  }
  const keys = field.asKeys(BUILD_KEYS)
  const context = keys.get('context')
  const file = keys.get('dockerfile')
  const target = keys.get('target')?.asFilledText()
  const args = readSettings(keys.get('args'), environment)
  const contextPath =
    context === undefined ? '.' : readInnerPath(context, 'the folder of the Compose file')
  const dockerfile = file === undefined ? 'Dockerfile' : readInnerPath(file, 'the build context')
  if (contextPath === undefined || dockerfile === undefined) return undefined
  return {
    type: 'build',
    contextPath,
    dockerfile,
    args,
    ...(target === undefined ? {} : { target }),
  }
}

/** A relative path that stays below `above`. */
function readInnerPath(field: Field, above: string): string | undefined {
  const text = field.asFilledText()
  if (text === undefined) return undefined
  if (/^[a-z][a-z0-9+.-]*:/i.test(text) || text.startsWith('git@')) {
    return field.refuse(
      `${field.quoted} is not a path: only folders that come along can be built`,
      {
        hint: 'fetch the source first and name its folder',
      },
    )
  }
  const path = posix.normalize(text).replace(/(?<=.)\/$/, '')
  if (path.startsWith('/') || path.startsWith('~') || path === '..' || path.startsWith('../')) {
    return field.refuse(`${field.quoted} lies outside ${above}`, {
      hint: `write a path below ${above}: only that comes along with a deploy`,
    })
  }
  return path
}

// https://github.com/distribution/reference/blob/main/reference.go
const PATH = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*'
const HOST_LABEL = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])'
const HOST = `(?:${HOST_LABEL}(?:\\.${HOST_LABEL})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?`
const REFERENCE = new RegExp(
  `^(?:${HOST}/)?${PATH}(?:/${PATH})*(?::[A-Za-z0-9_][\\w.-]{0,127})?(?:@[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,128})?$`,
)
const IMAGE_ID = /^sha256:[0-9a-f]{64}$/
const MOST_REFERENCE = 512

function readReference(field: Field): string | undefined {
  const text = field.asFilledText()
  if (text === undefined) return undefined
  const isValid = text.length <= MOST_REFERENCE && (REFERENCE.test(text) || IMAGE_ID.test(text))
  if (isValid) return text
  const hint = /[A-Z]/.test(text.split(':')[0] ?? '')
    ? 'image names are in lower case'
    : 'write [registry/]name[:tag] or name@sha256:…'
  return field.refuse(`${field.quoted} is not an image reference`, { hint })
}
