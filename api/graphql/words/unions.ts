import { AttachmentSpec } from '@polis/resources/attachment'
import { ImageSource } from '@polis/resources/image'
import { ServiceOverride } from '@polis/resources/instance'
import { TaskTemplate } from '@polis/resources/service'
import { z } from 'zod'
import { ELSEWHERE, type Shape, shape } from './shape.ts'

/** A member of a union, and the value of its `type`. */
interface Member {
  readonly name: string
  readonly type: string
}

export const targets: readonly Member[] = [
  { name: 'DomainTarget', type: 'domain' },
  { name: 'DatabaseTarget', type: 'database' },
  { name: 'VolumeTarget', type: 'volume' },
  { name: 'PortTarget', type: 'port' },
  { name: 'SecretTarget', type: 'secret' },
]

export const imageSources: readonly Member[] = [
  { name: 'BuiltImage', type: 'build' },
  { name: 'FetchedImage', type: 'reference' },
]

const [domain, database, volume, port, secret] = AttachmentSpec.shape.target.options
const [build, reference] = ImageSource.options

export const unionShapes: readonly Shape[] = [
  shape('DomainTarget', domain, 'A domain that leads to the service.', {
    type: ELSEWHERE,
    domainUid: 'The domain.',
    port: 'Port of the service that answers.',
  }),
  shape('DatabaseTarget', database, 'A database that the service may reach.', {
    type: ELSEWHERE,
    databaseUid: 'The database.',
    environment:
      'Environment variable to the part of the binding it takes; empty: files only, no restart.',
  }),
  shape('VolumeTarget', volume, 'A volume under `/polis`.', {
    type: ELSEWHERE,
    volumeUid: 'The volume.',
    isReadOnly: 'Whether the service cannot write to it.',
  }),
  shape('PortTarget', port, 'A port of the node that leads to the service.', {
    type: ELSEWHERE,
    address: 'Address of the node that is listened on.',
    port: 'The port there.',
    targetPort: 'Port of the service that answers.',
  }),
  shape('SecretTarget', secret, 'A secret as a file.', {
    type: ELSEWHERE,
    secretUid: 'The secret.',
  }),
  shape('BuiltImage', build, 'Built here from an uploaded folder.', {
    type: ELSEWHERE,
    contextDigest: 'Digest of the uploaded folder.',
    contextPath: 'The part of that folder that is built.',
    dockerfile: 'The Dockerfile, relative to that part.',
    target: 'Stage of the Dockerfile; absent: the last.',
    buildArgs: 'Arguments of the build.',
  }),
  shape('FetchedImage', reference, 'Fetched by name.', {
    type: ELSEWHERE,
    reference: 'The name as it was given.',
  }),
  shape(
    'NamedOverride',
    ServiceOverride.extend({ serviceName: z.string() }),
    'What an operator changed of one service by hand.',
    {
      serviceName: 'Its Compose name.',
      replicas: 'How many tasks.',
      environment: 'Variables put over those of the file.',
      detached: 'What the file asks for and was taken away by hand, as `type/alias`.',
      restartToken: 'Changes when a restart is asked for.',
    },
  ),
  shape(
    'VariableSource',
    TaskTemplate.shape.environmentFrom.valueType.extend({ variable: z.string() }),
    'Where an environment variable is filled from.',
    {
      variable: 'Its name.',
      alias: 'The binding.',
      key: 'The part of the binding: `uri`, `host`, …',
      version: 'Grows when the part changes, a rotated password for example.',
    },
  ),
]
