// ports and expose.
import type { Field } from './field.ts'
import { PORT_KEYS } from './keys.ts'
import type { ExposedPortModel, PortModel } from './model.ts'
import { byText } from './pairs.ts'

const EVERY_ADDRESS = '0.0.0.0'
const MOST_PORTS = 1000
const UDP = {
  code: 'Unimplemented',
  hint: 'only TCP is carried from outside; inside an instance services reach each other by UDP without any port entry',
} as const

interface Range {
  readonly first: number
  readonly last: number
}

export interface ReadPort {
  readonly port: PortModel
  /** For messages about conflicts between services. */
  readonly field: Field
}

export function readPorts(field: Field | undefined): readonly ReadPort[] {
  const items = field?.asList() ?? []
  const ports = items.flatMap((item) =>
    (item.node.kind === 'map' ? readLong(item) : readShort(item)).map((port) => ({
      port,
      field: item,
    })),
  )
  if (ports.length > MOST_PORTS) {
    field?.refuse(`these are ${ports.length} ports; at most ${MOST_PORTS} can be opened`)
    return []
  }
  return ports.toSorted(
    ({ port: a }, { port: b }) =>
      byText(a.address, b.address) ||
      (a.publishedPort ?? 0) - (b.publishedPort ?? 0) ||
      a.targetPort - b.targetPort ||
      byText(a.name ?? '', b.name ?? ''),
  )
}

export function readExposed(field: Field | undefined): readonly ExposedPortModel[] {
  const ports = new Set<number>()
  for (const item of field?.asList() ?? []) {
    const [text, protocol] = splitProtocol(item.asWritten() ?? '')
    const range = readRange(item, text)
    if (protocol !== 'tcp') refuseProtocol(item, protocol)
    else if (range !== undefined) for (const port of portsOf(range)) ports.add(port)
  }
  const sorted = [...ports].toSorted((a, b) => a - b)
  return sorted.map((port) => ({ port, protocol: 'tcp' }))
}

/** [[address:]published:]target[/protocol], where both ports may be ranges. */
function readShort(field: Field): readonly PortModel[] {
  const [text, protocol] = splitProtocol(field.asWritten() ?? '')
  const parts =
    /^(?:(?:\[(?<v6>[^\]]*)\]|(?<v4>[^:[\]]*)):)??(?:(?<published>[^:]*):)?(?<target>[^:]+)$/.exec(
      text,
    )?.groups
  if (parts === undefined) {
    return refuseAll(field, `${field.quoted} is not a port`, PORT_FORM)
  }
  const { v6, v4, published = '', target = '' } = parts
  return expand(field, {
    address: v6 ?? v4,
    published,
    target,
    protocol,
  })
}

const PORT_FORM = { hint: 'write "80", "8080:80" or "127.0.0.1:8080:80"' } as const

function readLong(field: Field): readonly PortModel[] {
  const keys = field.asKeys(PORT_KEYS)
  const target = keys.get('target')?.asWritten()
  if (target === undefined) {
    return keys.has('target') ? [] : refuseAll(field, 'target is missing')
  }
  const mode = keys.get('mode')
  if (mode?.asChoice(['ingress', 'host']) === 'host') {
    mode.refuse('mode: host is not supported', {
      code: 'Unimplemented',
      hint: 'leave mode out: every node opens the port and leads to the tasks',
    })
  }
  const name = keys.get('name')?.asText()
  const ports = expand(field, {
    address: keys.get('host_ip')?.asText(),
    published: keys.get('published')?.asWritten() ?? '',
    target,
    protocol: keys.get('protocol')?.asText() ?? 'tcp',
  })
  return name === undefined ? ports : ports.map((port) => ({ ...port, name }))
}

interface RawPort {
  readonly address: string | undefined
  readonly published: string
  readonly target: string
  readonly protocol: string
}

function expand(field: Field, raw: RawPort): readonly PortModel[] {
  if (raw.protocol !== 'tcp') {
    refuseProtocol(field, raw.protocol)
    return []
  }
  const address = raw.address === undefined ? EVERY_ADDRESS : canonicalAddress(raw.address)
  if (address === undefined) {
    return refuseAll(field, `${JSON.stringify(raw.address)} is not an IP address`, {
      hint: raw.address === 'localhost' ? 'write 127.0.0.1' : 'write it like 127.0.0.1 or [::1]',
    })
  }
  const target = readRange(field, raw.target)
  // Docker gives out a port for 0 as well as for none.
  const isGiven = raw.published !== '' && raw.published !== '0'
  const published = isGiven ? readRange(field, raw.published) : undefined
  if (target === undefined || (isGiven && published === undefined)) return []
  const targets = portsOf(target)
  if (published === undefined) {
    return targets.map((targetPort) => ({ address, targetPort, protocol: 'tcp' }))
  }
  if (published.last - published.first !== target.last - target.first) {
    const isChoice = target.first === target.last
    return refuseAll(
      field,
      isChoice
        ? 'a range of published ports for one target is not supported'
        : 'the two ranges must have the same length',
      isChoice ? { hint: 'name one port, or leave it out and let Polis give one out' } : {},
    )
  }
  return targets.map((targetPort, index) => ({
    address,
    publishedPort: published.first + index,
    targetPort,
    protocol: 'tcp',
  }))
}

function readRange(field: Field, text: string): Range | undefined {
  const [, from, to = from] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text) ?? []
  const first = Number(from)
  const last = Number(to)
  if (from === undefined || first < 1 || last > 65535) {
    const quoted = JSON.stringify(text.slice(0, 40))
    return field.refuse(`${quoted} is not a port from 1 to 65535`, PORT_FORM)
  }
  if (last < first) return field.refuse(`the range ${text} runs backwards`)
  if (last - first >= MOST_PORTS) {
    return field.refuse(`the range ${text} is longer than ${MOST_PORTS} ports`)
  }
  return { first, last }
}

function portsOf({ first, last }: Range): readonly number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index)
}

function splitProtocol(text: string): readonly [string, string] {
  const [port = '', ...rest] = text.split('/')
  return [port, rest.length === 0 ? 'tcp' : rest.join('/').toLowerCase()]
}

function refuseProtocol(field: Field, protocol: string): void {
  if (protocol === 'udp' || protocol === 'sctp') {
    field.refuse(`${protocol} ports are not supported`, UDP)
  } else
    field.refuse(`${JSON.stringify(protocol.slice(0, 40))} is not a protocol`, {
      hint: 'write tcp',
    })
}

function refuseAll(field: Field, message: string, remark: { hint?: string } = {}): readonly [] {
  field.refuse(message, remark)
  return []
}

const OCTET = '(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)'
const IPV4 = new RegExp(`^${OCTET}(?:\\.${OCTET}){3}$`)

/** One spelling per address, so that conflicts are seen. */
function canonicalAddress(text: string): string | undefined {
  if (IPV4.test(text)) return text
  const bare = text.replace(/^\[(.*)\]$/, '$1')
  if (!/^[0-9a-fA-F:.]{2,45}$/.test(bare) || !bare.includes(':')) return undefined
  const url = `http://[${bare}]/`
  return URL.canParse(url) ? new URL(url).hostname.slice(1, -1) : undefined
}
