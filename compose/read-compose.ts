// The entry: texts, an environment and a few facts in; an ApplicationModel out, or everything that is wrong.
import { PolisError, refusal } from '@polis/lib/error'
import { toDnsLabel } from '@polis/lib/names'
import { refuseConflicts } from './conflicts.ts'
import { Field } from './field.ts'
import { Findings, type Warning } from './findings.ts'
import { TOP_KEYS } from './keys.ts'
import { ApplicationModel } from './model.ts'
import { readVolumes } from './mounts.ts'
import { labelsOf } from './names.ts'
import { byText } from './pairs.ts'
import { type ReadService, readService } from './service.ts'
import { type Environment, interpolate } from './template.ts'
import { type ComposeFile, treeOf } from './yaml-tree.ts'

export interface ComposeInput {
  readonly files: readonly ComposeFile[]
  /** Values for `${NAME}` and for settings given by name only. */
  readonly environment: Environment
  /** Wins over the file's `name`. */
  readonly projectName?: string
  /** Absolute folders of the nodes that may be mounted; symbolic links inside are the agent's to check. */
  readonly allowBindRoots: readonly string[]
}

export interface ComposeReading {
  readonly model: ApplicationModel
  readonly warnings: readonly Warning[]
}

const MOST_SERVICES = 500
const MOST_EXPANDED = 8 << 20

/**
 * Reads one application. Pure: equal input gives equal output, byte for byte. Throws a refusal with every problem found
 * (`PolisError.problems`: InvalidArgument, Unimplemented for what Compose has and Polis has not, AlreadyExists,
 * NotFound, PermissionDenied), each with path, line and column; never anything else.
 */
export function readCompose(input: ComposeInput): ComposeReading {
  const [file, ...others] = input.files
  if (file === undefined || others.length > 0) {
    throw refusal([
      {
        code: file === undefined ? 'InvalidArgument' : 'Unimplemented',
        path: others[0]?.path ?? '',
        message:
          file === undefined ? 'no Compose file is given' : 'more than one Compose file is given',
        hint: 'write everything into one file',
      },
    ])
  }
  const findings = new Findings()
  const root = rootOf(file, input, findings)
  findings.throwIfAny()
  if (root === undefined) throw new PolisError('Internal', 'an unreadable file raised no problem')
  const model = readApplication(root, input, findings)
  findings.throwIfAny()
  return { model: ApplicationModel.parse(model), warnings: findings.warnings }
}

function rootOf(file: ComposeFile, input: ComposeInput, findings: Findings): Field | undefined {
  const projectName = input.projectName ?? ownName(file, input.environment)
  const known = projectName === undefined ? {} : { COMPOSE_PROJECT_NAME: projectName }
  const variables = { ...input.environment, ...known }
  let expanded = 0
  const tree = treeOf(file, findings, {
    expand(text, path, place) {
      try {
        const value = interpolate(text, variables, (name) => {
          findings.warn('', `the variable ${name} is not set: it counts as empty`, {
            hint: `set ${name}, or write \${${name}:-default}`,
            place,
          })
        })
        expanded += value.length
        if (expanded <= MOST_EXPANDED) return value
        findings.refuse(path, 'the file grows too large with its variables', { place })
      } catch (error) {
        if (!(error instanceof PolisError)) throw error
        const hint = error.hint === undefined ? {} : { hint: error.hint }
        findings.refuse(path, error.message, { ...hint, place })
      }
      return ''
    },
  })
  return tree === undefined ? undefined : new Field(tree, '', findings)
}

/** The file's `name`, read ahead of all else where other values may ask for it. */
function ownName(file: ComposeFile, environment: Environment): string | undefined {
  if (!file.text.includes('COMPOSE_PROJECT_NAME')) return undefined
  let name: string | undefined
  treeOf(file, new Findings(), {
    expand(text, path) {
      if (path === 'name') name = text
      return text
    },
  })
  try {
    return name === undefined ? undefined : interpolate(name, environment)
  } catch {
    // What is wrong with it is found, and told, when the whole file is read.
    return undefined
  }
}

function readApplication(root: Field, input: ComposeInput, findings: Findings): ApplicationModel {
  const keys = root.asKeys(TOP_KEYS)
  keys.get('version')?.warn('version is obsolete and ignored', 'remove it')
  const volumeFields = keys.get('volumes')?.asMap() ?? new Map<string, Field>()
  const volumeLabels = labelsOf(volumeFields)
  const volumes = readVolumes(volumeFields, volumeLabels)
  const name = readName(root, keys.get('name'), input.projectName, findings)
  const services = readServices(root, keys.get('services'), {
    environment: input.environment,
    allowBindRoots: input.allowBindRoots,
    volumeLabels,
  })
  refuseConflicts(services)
  return {
    version: 1,
    name: name ?? 'unnamed',
    services: services.map(({ model }) => model).toSorted((a, b) => byText(a.name, b.name)),
    volumes,
  }
}

function readServices(
  root: Field,
  field: Field | undefined,
  facts: {
    readonly environment: Environment
    readonly allowBindRoots: readonly string[]
    readonly volumeLabels: ReadonlyMap<string, string>
  },
): readonly ReadService[] {
  const fields = field?.asMap() ?? new Map<string, Field>()
  if (fields.size === 0) {
    if (field === undefined || field.node.kind === 'map') root.refuse('there are no services')
    return []
  }
  if (fields.size > MOST_SERVICES) {
    field?.refuse(
      `these are ${fields.size} services; at most ${MOST_SERVICES} make one application`,
    )
    return []
  }
  const serviceLabels = labelsOf(fields)
  return [...fields].flatMap(([key, each]) => {
    const name = serviceLabels.get(key)
    const service = readService(key, name ?? 'unnamed', each, { ...facts, serviceLabels })
    return name === undefined ? [] : [service]
  })
}

function readName(
  root: Field,
  field: Field | undefined,
  projectName: string | undefined,
  findings: Findings,
): string | undefined {
  const text = projectName ?? field?.asFilledText()
  if (text === undefined) {
    return field === undefined
      ? root.refuse('the application has no name', { hint: 'write `name: …` at the top' })
      : undefined
  }
  const isName = text.length <= 63 && /^[a-z0-9][a-z0-9_-]*$/.test(text)
  const label = isName ? toDnsLabel(text) : undefined
  if (label !== undefined) return label
  const place = field === undefined || projectName !== undefined ? {} : { place: field.node.place }
  findings.refuse('name', `${JSON.stringify(text.slice(0, 80))} is not a name for an application`, {
    ...place,
    hint: 'use a-z, 0-9 and -, at most 63 characters',
  })
  return undefined
}
