import { join } from 'node:path'
import { parseEnvFile } from '@polis/compose/env-file'
import type { ApplicationModel } from '@polis/compose/model'
import { readCompose } from '@polis/compose/read-compose'
import { variablesOf } from '@polis/compose/variables'
import { PolisError } from '@polis/lib/error'
import { change, type ChangeOptions } from '../change.ts'
import { Deploy } from '../documents/changes.ts'
import { toSize } from '../output/units.ts'
import type { Environment, Session } from '../shell.ts'
import { buildContextsOf } from './build-contexts.ts'
import { measure, packFolder } from './pack.ts'
import { readSource, readText, type Source } from './source.ts'

export interface DeployOptions extends ChangeOptions {
  readonly project: string
  readonly name?: string
  readonly app?: string
  readonly set: Readonly<Record<string, string>>
  readonly envFile?: string
}

/** Brings a folder or an image to the server and follows it until it runs. */
export async function deploy(
  session: Session,
  given: string,
  options: DeployOptions,
): Promise<void> {
  const source = await readSource(given)
  const variables = await variablesFor(source, options, session.deps.env)
  const model = readModel(source, variables)
  const application = options.app ?? options.name ?? model?.name ?? source.defaultName
  if (application === undefined) {
    throw new PolisError('InvalidArgument', `${given} gives no name for an application`, {
      path: 'name',
      hint: 'add --name NAME',
    })
  }
  const contextDigest = await bringContext(session, source, model, options.project)
  const input = {
    project: options.project,
    application,
    files: [source.file],
    variables,
    ...(options.app === undefined || options.name === undefined ? {} : { instance: options.name }),
    ...(contextDigest === undefined ? {} : { contextDigest }),
  }
  await change(session, Deploy, input, options)
}

/** What the file asks for, and nothing else of the caller's surroundings: by flag, by environment, by `.env`. */
async function variablesFor(
  { file, folder }: Source,
  { set, envFile }: DeployOptions,
  env: Environment,
): Promise<Readonly<Record<string, string>>> {
  const path = envFile ?? (folder === undefined ? undefined : join(folder, '.env'))
  const text = path === undefined ? undefined : await readText(path)
  if (text === undefined && envFile !== undefined) {
    throw new PolisError('NotFound', `there is nothing at ${envFile}`, { path: envFile })
  }
  const outside = defined(env)
  const known =
    text === undefined ? {} : parseEnvFile(text, { path: path ?? '', environment: outside })
  const all: Readonly<Record<string, string>> = { ...known, ...outside, ...set }
  const asked = variablesOf(file).map(({ name }) => name)
  const entries = [...asked, ...Object.keys(set)].flatMap((name) => {
    const value = Object.hasOwn(all, name) ? all[name] : undefined
    return value === undefined ? [] : [[name, value] as const]
  })
  return Object.fromEntries(entries)
}

function defined(env: Environment): Readonly<Record<string, string>> {
  const entries = Object.entries(env).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  )
  return Object.fromEntries(entries)
}

/**
 * The file's meaning, to learn its name and what it builds from. Undefined when it has none: the server, whose word
 * counts, is asked all the same and says everything that is wrong.
 */
function readModel(
  { file, defaultName }: Source,
  environment: Readonly<Record<string, string>>,
): ApplicationModel | undefined {
  const input = { files: [file], environment, allowBindRoots: [] }
  try {
    return readCompose(input).model
  } catch {
    // Without a name of its own it bears that of its folder.
  }
  try {
    return readCompose({ ...input, projectName: defaultName ?? 'unnamed' }).model
  } catch {
    return undefined
  }
}

/** Uploads what is built from, unless the server has it already. */
async function bringContext(
  session: Session,
  { folder }: Source,
  model: ApplicationModel | undefined,
  project: string,
): Promise<string | undefined> {
  if (folder === undefined || model === undefined) return undefined
  const contexts = await buildContextsOf(model, folder)
  if (contexts.length === 0) return undefined
  const client = await session.client()
  const { digest, sizeBytes } = await measure(packFolder(folder, contexts))
  if (await client.hasUpload(digest, project)) return digest
  session.printer.note(`uploading ${toSize(sizeBytes)}`)
  return await client.upload(packFolder(folder, contexts), project)
}
