// volumes of a service, and the top-level volumes they name.
import { posix } from 'node:path'
import type { Field } from './field.ts'
import { MOUNT_BIND_KEYS, MOUNT_KEYS, MOUNT_VOLUME_KEYS, VOLUME_KEYS } from './keys.ts'
import type { BindMountModel, NamedVolumeModel, VolumeMountModel } from './model.ts'
import { readLabel } from './names.ts'
import { byText, readLabels } from './pairs.ts'

export interface Mounts {
  readonly volumeMounts: readonly VolumeMountModel[]
  readonly bindMounts: readonly BindMountModel[]
}

export interface MountFacts {
  /** Label by key of the top-level volumes. */
  readonly volumeLabels: ReadonlyMap<string, string>
  /** Absolute folders of the nodes; only what lies in one may be bound. */
  readonly allowBindRoots: readonly string[]
}

const INSTEAD_OF_BIND =
  'use a named volume (volumes: at the top), or x-polis.volumes; an administrator can allow folders of the nodes'

interface RawMount {
  readonly type: 'volume' | 'bind'
  readonly source: string
  readonly target: string
  readonly readOnly: boolean
}

export function readMounts(field: Field | undefined, facts: MountFacts): Mounts {
  const volumeMounts: VolumeMountModel[] = []
  const bindMounts: BindMountModel[] = []
  const targets = new Set<string>()
  for (const item of field?.asList() ?? []) {
    const raw = item.node.kind === 'map' ? readLong(item) : readShort(item)
    if (raw === undefined) continue
    const target = targetOf(item, raw.target)
    const source = raw.type === 'bind' ? boundPath(item, raw, facts) : volumeLabel(item, raw, facts)
    if (target === undefined || source === undefined) continue
    if (targets.has(target)) item.refuse(`something else is mounted at ${target} already`)
    targets.add(target)
    const { readOnly } = raw
    if (raw.type === 'bind') bindMounts.push({ source, target, readOnly })
    else volumeMounts.push({ volume: source, target, readOnly })
  }
  return {
    volumeMounts: volumeMounts.toSorted((a, b) => byText(a.target, b.target)),
    bindMounts: bindMounts.toSorted((a, b) => byText(a.target, b.target)),
  }
}

/** SOURCE:TARGET[:MODE] */
function readShort(field: Field): RawMount | undefined {
  const text = field.asFilledText()
  if (text === undefined) return undefined
  const [source = '', target, mode = '', ...rest] = text.split(':')
  if (/^[a-zA-Z]:[\\/]/.test(text) || text.startsWith('\\\\')) {
    return field.refuse('a path of Windows cannot be mounted', { hint: INSTEAD_OF_BIND })
  }
  if (target === undefined) return refuseAnonymous(field, source)
  if (rest.length > 0 || source === '' || target === '') {
    return field.refuse(`${field.quoted} is not a mount`, {
      hint: 'write name:/path or name:/path:ro',
    })
  }
  const options = mode === '' ? [] : mode.split(',')
  for (const option of options) {
    if (!['ro', 'rw', 'nocopy'].includes(option)) {
      field.refuse(`the mount option ${JSON.stringify(option)} is not supported`, {
        code: 'Unimplemented',
        hint: 'ro and rw are; leave the others out',
      })
    }
  }
  const type = /^[./~]/.test(source) ? 'bind' : 'volume'
  return { type, source, target, readOnly: options.includes('ro') }
}

function readLong(field: Field): RawMount | undefined {
  const keys = field.asKeys(MOUNT_KEYS)
  const kind = keys.get('type')
  const type = kind === undefined ? field.refuse('type is missing') : kind.asText()
  const target = keys.get('target')?.asFilledText()
  const source = keys.get('source')?.asFilledText()
  const readOnly = keys.get('read_only')?.asFlag() ?? false
  readMountDetails(keys)
  if (type === undefined) return undefined
  if (type !== 'volume' && type !== 'bind') {
    return kind?.refuse(`mounts of type ${kind.quoted} are not supported`, {
      code: 'Unimplemented',
      hint: 'use type: volume',
    })
  }
  if (target === undefined) return field.refuse('target is missing')
  if (source === undefined) return refuseAnonymous(field, target)
  return { type, source, target, readOnly }
}

function readMountDetails(keys: ReadonlyMap<string, Field>): void {
  // Neither is copied nor created: what they ask for when true, or respectively false, is what happens.
  const noCopy = keys.get('volume')?.asKeys(MOUNT_VOLUME_KEYS).get('nocopy')
  if (noCopy?.asFlag() === false) {
    noCopy.refuse('files of the image are not copied into a new volume', { code: 'Unimplemented' })
  }
  const create = keys.get('bind')?.asKeys(MOUNT_BIND_KEYS).get('create_host_path')
  if (create?.asFlag() === true) {
    create.refuse('a missing folder of the node is not created', { code: 'Unimplemented' })
  }
}

function refuseAnonymous(field: Field, target: string): undefined {
  return field.refuse(
    'a volume without a name is not supported: its data would be lost unnoticed',
    {
      code: 'Unimplemented',
      hint: `name it: add "data:" to the top-level volumes and write data:${target}`,
    },
  )
}

function targetOf(field: Field, text: string): string | undefined {
  if (!text.startsWith('/')) return field.refuse('the target must be an absolute path')
  const path = posix.normalize(text).replace(/(?<=.)\/$/, '')
  if (path === '/') return field.refuse('nothing can be mounted at /')
  if (path === '/polis' || path.startsWith('/polis/')) {
    return field.refuse('/polis belongs to Polis', {
      hint: 'volumes asked for with x-polis.volumes appear there by themselves',
    })
  }
  return path
}

function volumeLabel(field: Field, { source }: RawMount, facts: MountFacts): string | undefined {
  const label = facts.volumeLabels.get(source)
  if (label !== undefined) return label
  const name = JSON.stringify(source.slice(0, 80))
  return field.refuse(`there is no volume ${name} in this file`, {
    code: 'NotFound',
    hint: `add it to the volumes at the top of the file`,
  })
}

function boundPath(field: Field, { source }: RawMount, facts: MountFacts): string | undefined {
  if (!source.startsWith('/')) {
    return field.refuse(
      `${JSON.stringify(source.slice(0, 80))} is a folder of this machine, which the nodes do not have`,
      {
        code: 'PermissionDenied',
        hint: INSTEAD_OF_BIND,
      },
    )
  }
  const path = posix.normalize(source).replace(/(?<=.)\/$/, '')
  const isAllowed = facts.allowBindRoots.some(
    (root) => path === root || path.startsWith(root.endsWith('/') ? root : `${root}/`),
  )
  if (isAllowed) return path
  return field.refuse(`${path.slice(0, 80)} of the node may not be mounted`, {
    code: 'PermissionDenied',
    hint: INSTEAD_OF_BIND,
  })
}

/** The top-level volumes. */
export function readVolumes(
  fields: ReadonlyMap<string, Field>,
  labels: ReadonlyMap<string, string>,
): readonly NamedVolumeModel[] {
  const volumes = [...fields].flatMap(([key, field]) => {
    const label = labels.get(key)
    const volume = readVolume(field, label ?? key)
    return label === undefined ? [] : [volume]
  })
  return volumes.toSorted((a, b) => byText(a.key, b.key))
}

function readVolume(field: Field, key: string): NamedVolumeModel {
  if (field.isNull) return { key, isExternal: false, labels: {} }
  const keys = field.asKeys(VOLUME_KEYS)
  const driver = keys.get('driver')
  if (driver !== undefined && driver.asText() !== 'local') {
    driver.refuse(`volume driver ${driver.quoted} is not supported`, {
      code: 'Unimplemented',
      hint: 'leave driver out, or create the volume with Polis and name it as external',
    })
  }
  const external = keys.get('external')
  const isExternal = external?.asFlag() ?? false
  const nameField = keys.get('name')
  const given = nameField === undefined ? undefined : readLabel(nameField)
  // An external volume without a name is called by its key, as Compose says.
  const name = given ?? (isExternal ? key : undefined)
  const labels = readLabels(keys.get('labels'))
  if (isExternal && keys.has('labels'))
    field.refuse('labels of an external volume are not set here')
  return { key, isExternal, labels, ...(name === undefined ? {} : { name }) }
}
