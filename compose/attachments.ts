// x-polis: what a service asks the platform for.
import { domainToASCII } from 'node:url'
import { isHostName } from '@polis/lib/names'
import type { Field } from './field.ts'
import { DATABASE_KEYS, DOMAIN_KEYS, DYNAMIC_VOLUME_KEYS, POLIS_KEYS } from './keys.ts'
import {
  BINDING_FIELDS,
  type BindingField,
  type DatabaseRequest,
  type DomainRequest,
  type DynamicVolumeRequest,
} from './model.ts'
import { readLabel } from './names.ts'
import { byText, sortedRecord } from './pairs.ts'

/** A request with the place it was made, for conflicts that are seen only across services. */
export interface Asked<T> {
  readonly request: T
  readonly field: Field
}

export interface Attachments {
  readonly domains: readonly Asked<DomainRequest>[]
  readonly databases: readonly Asked<DatabaseRequest>[]
  readonly dynamicVolumes: readonly Asked<DynamicVolumeRequest>[]
}

const PORT = { least: 1, most: 65535 } as const

/** `ports`: what the service is known to listen on; a domain without a port takes the only one. */
export function readAttachments(field: Field | undefined, ports: readonly number[]): Attachments {
  const keys = field?.asKeys(POLIS_KEYS)
  return {
    domains: readEach(
      keys?.get('domains'),
      (item) => readDomain(item, ports),
      ({ host }) => host,
    ),
    databases: readEach(keys?.get('databases'), readDatabase, ({ name }) => name),
    dynamicVolumes: readEach(keys?.get('volumes'), readDynamicVolume, ({ name }) => name),
  }
}

function readEach<T>(
  field: Field | undefined,
  read: (item: Field) => T | undefined,
  nameOf: (request: T) => string,
): readonly Asked<T>[] {
  const asked = new Map<string, Asked<T>>()
  for (const item of field?.asList() ?? []) {
    const request = read(item)
    if (request === undefined) continue
    const name = nameOf(request)
    if (asked.has(name)) item.refuse(`${name} is there twice`, { code: 'AlreadyExists' })
    asked.set(name, { request, field: item })
  }
  return [...asked].toSorted(([a], [b]) => byText(a, b)).map(([, each]) => each)
}

/** `shop.example.org`, `shop.example.org:8080`, or a map. */
function readDomain(item: Field, ports: readonly number[]): DomainRequest | undefined {
  if (item.node.kind !== 'map') return readShortDomain(item, ports)
  const keys = item.asKeys(DOMAIN_KEYS)
  const hostField = keys.get('host')
  const host = hostField === undefined ? item.refuse('host is missing') : readHost(hostField)
  const given = keys.get('port')
  const port = given === undefined ? undefined : given.asInteger(PORT.least, PORT.most)
  const tls = keys.get('tls')
  if (tls !== undefined && tls.node.kind === 'scalar' && tls.node.value !== false) {
    if (tls.asChoice(['off', 'auto']) === 'auto') {
      tls.refuse('tls: auto is not supported yet', { code: 'Unimplemented', hint: 'write off' })
    }
  }
  if (host === undefined || (given !== undefined && port === undefined)) return undefined
  return withPort(item, host, port, ports)
}

function readShortDomain(item: Field, ports: readonly number[]): DomainRequest | undefined {
  const text = item.asFilledText()
  if (text === undefined) return undefined
  const [, name = '', digits] = /^(.*?)(?::(\d{1,5}))?$/s.exec(text) ?? []
  const port = digits === undefined ? undefined : Number(digits)
  if (port !== undefined && (port < PORT.least || port > PORT.most)) {
    return item.refuse(`${digits} is not a port from 1 to 65535`)
  }
  const host = hostOf(name)
  if (host === undefined) return refuseHost(item)
  return withPort(item, host, port, ports)
}

function withPort(
  item: Field,
  host: string,
  asked: number | undefined,
  ports: readonly number[],
): DomainRequest | undefined {
  const [only, second] = ports
  if (asked === undefined && second !== undefined) {
    return item.refuse(`the service listens on ${ports.slice(0, 10).join(', ')}`, {
      hint: `say which: ${host}:${only}`,
    })
  }
  const port = asked ?? only
  return { host, tls: 'off', ...(port === undefined ? {} : { port }) }
}

function readHost(field: Field): string | undefined {
  const text = field.asFilledText()
  if (text === undefined) return undefined
  return hostOf(text) ?? refuseHost(field)
}

function refuseHost(field: Field): undefined {
  return field.refuse(`${field.quoted} is not a host name`, {
    hint: 'write shop.example.org, without http:// and without a path',
  })
}

/** Lower case and ASCII: `Müller.example` is `xn--mller-kva.example`. */
function hostOf(text: string): string | undefined {
  if (text.length > 253 || /[\s/@?#%\\:]/.test(text)) return undefined
  const isWild = text.startsWith('*.')
  const ascii = domainToASCII(isWild ? text.slice(2) : text).replace(/\.$/, '')
  const host = isWild ? `*.${ascii}` : ascii
  // Browsers and the resolver read digits and dots as an address, never as a name.
  const isAddress = /^\d+$/.test(ascii.split('.').at(-1) ?? '')
  return ascii !== '' && !isAddress && isHostName(host) ? host : undefined
}

/** A name, or a map. */
function readDatabase(item: Field): DatabaseRequest | undefined {
  if (item.node.kind !== 'map') {
    const name = readLabel(item)
    return name === undefined ? undefined : { name, env: {} }
  }
  const keys = item.asKeys(DATABASE_KEYS)
  const name = required(item, keys, 'name')
  const device = optionalLabel(keys.get('device'))
  const engine = optionalLabel(keys.get('engine'))
  const database = optionalLabel(keys.get('database'))
  const env = readEnv(keys.get('env'))
  if (device !== undefined && engine !== undefined) {
    item.refuse('both device and engine are given', { hint: 'the device says which engine it is' })
  }
  if (name === undefined) return undefined
  return {
    name,
    ...(device === undefined ? {} : { device }),
    ...(engine === undefined ? {} : { engine }),
    ...(database === undefined ? {} : { database }),
    env,
  }
}

function readEnv(field: Field | undefined): Readonly<Record<string, BindingField>> {
  const entries = [...(field?.asMap() ?? [])].flatMap(([variable, part]) => {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(variable)) {
      part.refuse('this is no name for an environment variable')
    }
    const choice = part.asChoice(BINDING_FIELDS)
    return choice === undefined ? [] : [[variable, choice] as const]
  })
  return sortedRecord(entries)
}

/** A name, or a map. */
function readDynamicVolume(item: Field): DynamicVolumeRequest | undefined {
  if (item.node.kind !== 'map') {
    const name = notReserved(item, readLabel(item))
    return name === undefined ? undefined : { name, readOnly: false, exclusive: false }
  }
  const keys = item.asKeys(DYNAMIC_VOLUME_KEYS)
  const name = notReserved(item, required(item, keys, 'name'))
  const volume = optionalLabel(keys.get('volume'))
  const readOnly = keys.get('readOnly')?.asFlag() ?? false
  const exclusive = keys.get('exclusive')?.asFlag() ?? false
  if (name === undefined) return undefined
  return { name, ...(volume === undefined ? {} : { volume }), readOnly, exclusive }
}

function notReserved(item: Field, name: string | undefined): string | undefined {
  if (name !== 'bindings') return name
  return item.refuse('the name bindings is reserved: databases appear at /polis/bindings')
}

function required(item: Field, keys: ReadonlyMap<string, Field>, key: string): string | undefined {
  const field = keys.get(key)
  return field === undefined ? item.refuse(`${key} is missing`) : readLabel(field)
}

function optionalLabel(field: Field | undefined): string | undefined {
  return field === undefined ? undefined : readLabel(field)
}
