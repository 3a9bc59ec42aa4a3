import { AttachTarget, ChangeRequest, type RequestOf } from '@polis/kernel/request'
import { ServiceOverride } from '@polis/resources/instance'
import { z } from 'zod'
import { ELSEWHERE, type Shape, shape } from './shape.ts'

/** The schema of one request. */
export function requestSchema(type: ChangeRequest['type']): z.ZodObject {
  const found = ChangeRequest.options.find((option) => option.shape.type.value === type)
  if (found === undefined) throw new Error(`no request is called ${type}`)
  return found
}

/** Parts of requests that are objects of their own; in the schema `Input` is put behind their names. */
export const inputShapes: readonly Shape[] = [
  shape(
    'ComposeFile',
    partOf<RequestOf<'deploy'>['files'][number]>('deploy', 'files'),
    'One Compose file.',
    { path: 'Its name, relative to the folder that is deployed.', text: 'Its content.' },
  ),
  shape('ServiceOverride', ServiceOverride, 'What to change of a service by hand.', {
    replicas: 'How many tasks, 0 to 1000.',
    environment: 'Variables put over those of the file.',
    detached: 'What the file asks for and the service shall not have, as `type/alias`.',
    restartToken: 'Another value replaces every task.',
  }),
  shape(
    'DetachTarget',
    partOf<RequestOf<'detach'>['target']>('detach', 'target'),
    'What to take back.',
    { type: 'What it is.', name: 'Host name, alias or port number.' },
  ),
]

/** Members of the attach request's target; exactly one of them is given. */
export const attachTargets: Readonly<Record<string, Shape>> = attachShapes()

function attachShapes(): Readonly<Record<string, Shape>> {
  const [domain, database, volume, port, secret] = AttachTarget.options
  const alias = 'Name the service knows it by; absent: its own name.'
  return {
    domain: shape('AttachDomain', domain, 'A host name; the Domain is made when it is not there.', {
      type: ELSEWHERE,
      host: 'The host name.',
      port: 'Port of the service that answers; absent: the only one that it exposes.',
    }),
    database: shape('AttachDatabase', database, 'A database that is there.', {
      type: ELSEWHERE,
      name: 'Name of the database.',
      alias,
      env: 'Environment variable to part of the binding; not empty: tasks are replaced.',
    }),
    volume: shape('AttachVolume', volume, 'A volume that is there.', {
      type: ELSEWHERE,
      name: 'Name of the volume.',
      alias,
      readOnly: 'Whether the service cannot write to it.',
    }),
    port: shape('AttachPort', port, 'A port of the node.', {
      type: ELSEWHERE,
      address: 'Address of the node to listen on.',
      port: 'The port there; absent: one is given out.',
      targetPort: 'Port of the service that answers.',
    }),
    secret: shape('AttachSecret', secret, 'A secret that is there.', {
      type: ELSEWHERE,
      name: 'Name of the secret.',
      alias,
    }),
  }
}

/** The object schema below a field of a request, also when it is a list of them. */
function partOf<Value>(type: ChangeRequest['type'], field: string): z.ZodObject & z.ZodType<Value> {
  const schema: unknown = requestSchema(type).shape[field]
  const part = schema instanceof z.ZodArray ? schema.element : schema
  if (part instanceof z.ZodObject) return part as z.ZodObject & z.ZodType<Value>
  throw new Error(`${type}.${field} is not an object`)
}
