import { posix } from 'node:path'
import { type Attachments, readAttachments } from './attachments.ts'
import { readCommand, readDuration, readHealthCheck } from './commands.ts'
import { readDependsOn } from './depends-on.ts'
import type { Field } from './field.ts'
import { SERVICE_KEYS } from './keys.ts'
import type { ServiceModel } from './model.ts'
import { type MountFacts, readMounts } from './mounts.ts'
import { readLabels, readSettings } from './pairs.ts'
import { type ReadPort, readExposed, readPorts } from './ports.ts'
import { readDeployment } from './resources.ts'
import { readSource } from './source.ts'
import type { Environment } from './template.ts'

export interface ServiceFacts extends MountFacts {
  readonly environment: Environment
  /** Label by key of all services of the file. */
  readonly serviceLabels: ReadonlyMap<string, string>
}

/** A service with the places of what can conflict with other services. */
export interface ReadService {
  readonly field: Field
  readonly model: ServiceModel
  readonly ports: readonly ReadPort[]
  readonly attachments: Attachments
}

const DEFAULT_GRACE_MS = 10_000

/** One service of the file. What is wrong is on the list of findings; the model then has gaps and must not be used. */
export function readService(
  key: string,
  name: string,
  field: Field,
  facts: ServiceFacts,
): ReadService {
  const keys = field.asKeys(SERVICE_KEYS)
  const source = readSource(field, keys, facts.environment)
  const ports = readPorts(keys.get('ports'))
  const exposedPorts = readExposed(keys.get('expose'))
  const listening = [
    ...new Set([
      ...exposedPorts.map(({ port }) => port),
      ...ports.map(({ port }) => port.targetPort),
    ]),
  ].toSorted((a, b) => a - b)
  const attachments = readAttachments(keys.get('x-polis'), listening)
  const environment = readEnvironment(keys.get('environment'), facts.environment, attachments)
  const command = readCommand(keys.get('command'))
  const entrypoint = readCommand(keys.get('entrypoint'))
  const model: ServiceModel = {
    name,
    aliases: key === name ? [name] : [name, key],
    source: source ?? { type: 'image', reference: '' },
    ...(command === undefined ? {} : { command }),
    ...(entrypoint === undefined ? {} : { entrypoint }),
    ...readRuntime(keys),
    environment,
    labels: readLabels(keys.get('labels')),
    ports: ports.map(({ port }) => port),
    exposedPorts,
    ...readMounts(keys.get('volumes'), facts),
    dependsOn: readDependsOn(keys.get('depends_on'), facts.serviceLabels),
    healthCheck: readHealthCheck(keys.get('healthcheck')),
    ...readDeployment(keys),
    stopGracePeriodMs: readDuration(keys.get('stop_grace_period')) ?? DEFAULT_GRACE_MS,
    restart: 'always',
    domains: attachments.domains.map(({ request }) => request),
    databases: attachments.databases.map(({ request }) => request),
    dynamicVolumes: attachments.dynamicVolumes.map(({ request }) => request),
  }
  return { field, model, ports, attachments }
}

function readRuntime(
  keys: ReadonlyMap<string, Field>,
): Pick<ServiceModel, 'workingDir' | 'user' | 'init' | 'stopSignal'> {
  const workingDir = readWorkingDir(keys.get('working_dir'))
  const user = readUser(keys.get('user'))
  const init = keys.get('init')?.asFlag()
  const stopSignal = readSignal(keys.get('stop_signal'))
  return {
    ...(workingDir === undefined ? {} : { workingDir }),
    ...(user === undefined ? {} : { user }),
    ...(init === undefined ? {} : { init }),
    ...(stopSignal === undefined ? {} : { stopSignal }),
  }
}

function readEnvironment(
  field: Field | undefined,
  given: Environment,
  { databases }: Attachments,
): Readonly<Record<string, string>> {
  const environment = readSettings(field, given)
  if (Object.hasOwn(environment, 'SERVICE_BINDING_ROOT')) {
    field?.refuse('SERVICE_BINDING_ROOT is set by Polis', { hint: 'remove it' })
  }
  const owner = new Map<string, string>()
  for (const { request, field: at } of databases) {
    for (const variable of Object.keys(request.env)) {
      const other = Object.hasOwn(environment, variable) ? 'environment' : owner.get(variable)
      if (other !== undefined) at.refuse(`${variable} is set by ${other} already`)
      owner.set(variable, `database ${request.name}`)
    }
  }
  return environment
}

function readWorkingDir(field: Field | undefined): string | undefined {
  const text = field?.asFilledText()
  if (text === undefined || text.startsWith('/')) {
    return text === undefined ? undefined : posix.normalize(text)
  }
  return field?.refuse('the working directory must be an absolute path')
}

function readUser(field: Field | undefined): string | undefined {
  const text = field?.asWritten()
  if (text === undefined || /^[\w.-]+\$?(?::[\w.-]+\$?)?$/.test(text)) return text
  return field?.refuse(`${field.quoted} is not a user`, { hint: 'write name, 1000 or 1000:1000' })
}

const SIGNALS: ReadonlySet<string> = new Set(
  (
    'ABRT ALRM BUS CHLD CONT FPE HUP ILL INT IO IOT KILL PIPE POLL PROF PWR QUIT SEGV STKFLT STOP SYS ' +
    'TERM TRAP TSTP TTIN TTOU URG USR1 USR2 VTALRM WINCH XCPU XFSZ'
  ).split(' '),
)

function readSignal(field: Field | undefined): string | undefined {
  const text = field?.asWritten()
  if (text === undefined) return undefined
  if (/^\d+$/.test(text) && Number(text) >= 1 && Number(text) <= 64) return String(Number(text))
  const name = text.toUpperCase().replace(/^SIG/, '')
  if (SIGNALS.has(name) || /^RTM(?:IN\+(?:1[0-5]|\d)|AX-(?:1[0-4]|\d)|IN|AX)$/.test(name)) {
    return `SIG${name}`
  }
  return field?.refuse(`${field.quoted} is not a signal`, { hint: 'write SIGTERM or SIGINT' })
}
