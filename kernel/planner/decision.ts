import type { ErrorCode, Problem } from '@polis/lib/error'
import { PolisError } from '@polis/lib/error'
import type { ObjectChange } from '../objects/change.ts'
import type { ObjectReader } from '../objects/object-cache.ts'
import type { Goal, Undo } from '../operations/goal.ts'

/** What a request comes to: the intent to commit, what must be true afterwards, or why it is refused. */
export interface Decision {
  readonly title: string
  readonly projectUid: string | undefined
  /** The object it is about. */
  readonly targetUid: string | undefined
  /** Line by line, for people, what will be done. */
  readonly steps: readonly { readonly key: string; readonly title: string }[]
  readonly problems: readonly Problem[]
  readonly warnings: readonly Problem[]
  readonly changes: readonly ObjectChange[]
  readonly goals: readonly Goal[]
  readonly undo: readonly Undo[]
  /** Facts for the caller; never secrets. */
  readonly result: Readonly<Record<string, string>>
}

/** Facts from outside the store that a decision needs, asked before deciding. */
export interface OutsideFacts {
  /** Listen ports that foreign processes hold, as `port → owner`. */
  readonly foreignPorts: ReadonlyMap<number, string>
  /** Whether the uploaded folder named by the request is there. */
  readonly hasContext: boolean
}

export interface PlanContext {
  readonly reader: ObjectReader
  readonly outside: OutsideFacts
  readonly seal: (plain: string, secretUid: string) => string
  readonly newPassword: () => string
  readonly now: Date
}

/** A decision with the parts that are mostly empty filled in. */
export function decision(part: Partial<Decision> & Pick<Decision, 'title'>): Decision {
  return {
    projectUid: undefined,
    targetUid: undefined,
    steps: [],
    problems: [],
    warnings: [],
    changes: [],
    goals: [],
    undo: [],
    result: {},
    ...part,
  }
}

export function problem(code: ErrorCode, path: string, message: string, hint?: string): Problem {
  return hint === undefined ? { code, path, message } : { code, path, message, hint }
}

/** The project of that name. Throws NotFound. */
export function projectUidOf(reader: ObjectReader, name: string): string {
  const project = reader.findByName('Project', undefined, name)
  if (project !== undefined) return project.metadata.uid
  throw new PolisError('NotFound', `there is no project ${name}`, {
    path: 'project',
    hint: `see polis project ls, or create it: polis project create ${name}`,
  })
}
