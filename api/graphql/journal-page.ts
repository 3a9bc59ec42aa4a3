import type { JournalFilter, JournalRecord } from '@polis/kernel/journal'
import type { Operation } from '@polis/kernel/operation'
import { z } from 'zod'
import { type ApiContext, callerOf } from './context.ts'
import { checkFirst, fromCursor, type Page, type PageArgs, toCursor } from './page.ts'
import { projectUidOf } from './project-uid.ts'

type Asked<Value> = Value | null | undefined

export interface OperationFilter {
  readonly project?: Asked<string>
  readonly requestId?: Asked<string>
  readonly targetUid?: Asked<string>
  readonly status?: Asked<string>
}

export interface EventFilter {
  readonly project?: Asked<string>
  readonly requestId?: Asked<string>
  readonly operationId?: Asked<string>
  readonly objectUid?: Asked<string>
  readonly type?: Asked<string>
}

/** How many operations are looked through for a page; the next page goes on from there. */
const LARGEST_SCAN = 2000
const BATCH = 200

/** Newest first. A page that had to look through too many ends early, and says that more follows. */
export async function operationsPage(
  context: ApiContext,
  { first, after }: PageArgs,
  filter: OperationFilter,
): Promise<Page<Operation>> {
  checkFirst(first)
  const nodes: Operation[] = []
  let endCursor: string | undefined
  let scanned = 0
  for await (const operation of newestFirst(context, filter, after)) {
    const hasNextPage = nodes.length === first || scanned === LARGEST_SCAN
    if (hasNextPage) return { nodes, endCursor, hasNextPage, total: undefined }
    if (isLike(operation, filter)) nodes.push(operation)
    endCursor = toCursor(operation.id)
    scanned += 1
  }
  return { nodes, endCursor, hasNextPage: false, total: undefined }
}

async function* newestFirst(
  context: ApiContext,
  filter: OperationFilter,
  after: string | undefined,
): AsyncGenerator<Operation, void, undefined> {
  const actor = callerOf(context)
  const project = filter.project ?? undefined
  const projectUid =
    project === undefined ? undefined : projectUidOf(context.lookup, project, 'filter.project')
  let before = after === undefined ? undefined : fromCursor(after, z.string())
  for (;;) {
    const batch = await context.kernel.listOperations(actor, {
      limit: BATCH,
      ...(before === undefined ? {} : { before }),
      ...(projectUid === undefined ? {} : { projectUid }),
    })
    yield* batch
    const last = batch.at(-1)
    // Not by its length: a batch may be short for what the caller may not see.
    if (last === undefined) return
    before = last.id
  }
}

function isLike(operation: Operation, { requestId, targetUid, status }: OperationFilter): boolean {
  return (
    operation.requestId === (requestId ?? operation.requestId) &&
    operation.targetUid === (targetUid ?? operation.targetUid) &&
    operation.status === (status ?? operation.status)
  )
}

/** Newest first. */
export async function eventsPage(
  context: ApiContext,
  { first, after }: PageArgs,
  filter: EventFilter,
): Promise<Page<JournalRecord>> {
  checkFirst(first)
  const visible = visibleEvents(context, filter)
  const before = after === undefined ? undefined : fromCursor(after, z.int())
  const found =
    visible === undefined
      ? []
      : await context.kernel.journal.query({
          ...visible,
          ...(before === undefined ? {} : { before }),
          limit: first + 1,
          order: 'newest-first',
        })
  const nodes = found.slice(0, first)
  const last = nodes.at(-1)
  return {
    nodes,
    endCursor: last === undefined ? undefined : toCursor(last.id),
    hasNextPage: found.length > first,
    total: undefined,
  }
}

/**
 * What of the journal the caller may see and asked for; undefined: nothing. Who has no role in the installation as a
 * whole sees the events of the projects it has one in.
 */
export function visibleEvents(context: ApiContext, filter: EventFilter): JournalFilter | undefined {
  const actor = callerOf(context)
  const { reader } = context.lookup
  const name = filter.project ?? undefined
  const wanted =
    name === undefined ? undefined : projectUidOf(context.lookup, name, 'filter.project')
  const projects =
    wanted === undefined && actor.roleIn(undefined) !== undefined
      ? undefined
      : reader
          .list('Project')
          .map(({ metadata }) => metadata.uid)
          .filter((uid) => actor.roleIn(uid) !== undefined && uid === (wanted ?? uid))
  if (projects?.length === 0) return undefined
  const asked = Object.entries({ ...filter, project: projects })
  return Object.fromEntries(asked.filter(([, value]) => value !== undefined && value !== null))
}
