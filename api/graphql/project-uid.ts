import { PolisError } from '@polis/lib/error'
import type { Lookup } from './context.ts'

/** The project's uid. Throws NotFound with `path`. */
export function projectUidOf({ reader }: Lookup, name: string, path: string): string {
  const project = reader.findByName('Project', undefined, name)
  if (project !== undefined) return project.metadata.uid
  throw new PolisError('NotFound', `there is no project ${JSON.stringify(name)}`, {
    path,
    hint: 'the query `projects` lists those you may see',
  })
}
