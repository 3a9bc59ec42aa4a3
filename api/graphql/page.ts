import { PolisError } from '@polis/lib/error'
import type { PolisObject } from '@polis/resources/registry'
import { z } from 'zod'
import { compare } from './links.ts'

/** A part of a list, and how to ask for the next. */
export interface Page<Item> {
  readonly nodes: readonly Item[]
  readonly endCursor: string | undefined
  readonly hasNextPage: boolean
  /** Items in the whole list; undefined where counting would mean reading all of it. */
  readonly total: number | undefined
}

export interface PageArgs {
  readonly first: number
  readonly after: string | undefined
}

export const DEFAULT_PAGE = 50
export const LARGEST_PAGE = 200

const Position = z.tuple([z.string(), z.string()])

/**
 * The objects after the cursor, by name and then uid. The cursor names a position, not an object, so that paging
 * goes on where it was when the object it ended with is gone. Throws InvalidArgument.
 */
export function pageOf<Item extends PolisObject>(
  objects: readonly Item[],
  { first, after }: PageArgs,
): Page<Item> {
  checkFirst(first)
  const [name, uid] = after === undefined ? ['', ''] : fromCursor(after, Position)
  const sorted = objects.toSorted((a, b) => comparePosition(a.metadata, b.metadata))
  const start = sorted.findIndex(({ metadata }) => comparePosition(metadata, { name, uid }) > 0)
  const nodes = start === -1 ? [] : sorted.slice(start, start + first)
  const last = nodes.at(-1)
  return {
    nodes,
    endCursor: last === undefined ? undefined : toCursor([last.metadata.name, last.metadata.uid]),
    hasNextPage: start !== -1 && start + first < sorted.length,
    total: objects.length,
  }
}

export function checkFirst(first: number): void {
  if (first >= 1 && first <= LARGEST_PAGE) return
  throw new PolisError('InvalidArgument', `a page has 1 to ${LARGEST_PAGE} items, not ${first}`, {
    path: 'first',
  })
}

export function toCursor(position: unknown): string {
  return Buffer.from(JSON.stringify(position)).toString('base64url')
}

/** What `toCursor` was given. Throws InvalidArgument. */
export function fromCursor<Value>(cursor: string, schema: z.ZodType<Value>): Value {
  try {
    return schema.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString()))
  } catch (cause) {
    throw new PolisError('InvalidArgument', 'this is not a cursor', {
      path: 'after',
      hint: 'pass the `endCursor` of the page before',
      cause,
    })
  }
}

function comparePosition(
  a: { readonly name: string; readonly uid: string },
  b: { readonly name: string; readonly uid: string },
): number {
  return compare(a.name, b.name) || compare(a.uid, b.uid)
}
