import { join, posix } from 'node:path'
import { type DockerIgnore, parseDockerIgnore } from '@polis/compose/docker-ignore'
import type { ApplicationModel } from '@polis/compose/model'
import { readText } from './source.ts'

/** A part of the folder that something is built from. */
export interface BuildContext {
  /** Relative to the folder, with `/`; '.' is the folder itself. */
  readonly path: string
  readonly ignore: DockerIgnore
}

/** The contexts of all services that are built; empty: nothing has to be uploaded. */
export async function buildContextsOf(
  model: ApplicationModel,
  folder: string,
): Promise<readonly BuildContext[]> {
  const dockerfiles = new Map<string, string[]>()
  for (const { source } of model.services) {
    if (source.type !== 'build') continue
    const path = posix.normalize(source.contextPath)
    dockerfiles.set(path, [...(dockerfiles.get(path) ?? []), source.dockerfile])
  }
  return await Promise.all(
    [...dockerfiles].map(async ([path, names]) => {
      const text = (await readText(join(folder, path, '.dockerignore'))) ?? ''
      return { path, ignore: parseDockerIgnore(text, [...names, '.dockerignore']) }
    }),
  )
}

/** Whether a file goes along: some context has it and does not leave it out. */
export function isWanted(path: string, contexts: readonly BuildContext[]): boolean {
  return contexts.some((context) => {
    const inside = pathInside(path, context)
    return inside !== undefined && !context.ignore.excludes(inside)
  })
}

/** Whether a walk has to look into a folder. */
export function isWorthEntering(folder: string, contexts: readonly BuildContext[]): boolean {
  return contexts.some((context) => {
    const inside = pathInside(folder, context)
    const leadsThere = context.path === folder || context.path.startsWith(`${folder}/`)
    return leadsThere || (inside !== undefined && !context.ignore.excludesAllBelow(inside))
  })
}

function pathInside(path: string, context: BuildContext): string | undefined {
  if (context.path === '.') return path
  return path.startsWith(`${context.path}/`) ? path.slice(context.path.length + 1) : undefined
}
