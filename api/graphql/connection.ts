import type { ImplementableObjectRef, OutputRef } from '@pothos/core'
import type { Builder, SchemaTypes } from './builder.ts'
import { DEFAULT_PAGE, LARGEST_PAGE, type Page } from './page.ts'

export type ConnectionRef<Item> = ImplementableObjectRef<SchemaTypes, Page<Item>>

/** Types of pages; the type of `pageInfo` is shared. */
export class Connections {
  readonly #builder: Builder
  readonly #pageInfo

  constructor(builder: Builder) {
    this.#builder = builder
    this.#pageInfo = builder.objectRef<Page<unknown>>('PageInfo').implement({
      description: 'Where a page ends.',
      fields: (t) => ({
        endCursor: t.string({
          nullable: true,
          description: 'Pass it as `after` to go on; absent on an empty page.',
          resolve: ({ endCursor }) => endCursor,
        }),
        hasNextPage: t.boolean({
          description: 'Whether more follows.',
          resolve: ({ hasNextPage }) => hasNextPage,
        }),
      }),
    })
  }

  add<Item>(name: string, item: OutputRef<Item>): ConnectionRef<Item> {
    const ref = this.#builder.objectRef<Page<Item>>(`${name}Connection`)
    ref.implement({
      description: `A page of a list: ${name}.`,
      fields: (t) => ({
        nodes: t.field({
          type: [item],
          description: 'The items of the page.',
          resolve: ({ nodes }) => nodes,
        }),
        pageInfo: t.field({
          type: this.#pageInfo,
          description: 'Where the page ends.',
          resolve: (page) => page,
        }),
        total: t.int({
          nullable: true,
          description: 'Items on all pages; absent where that is not known.',
          resolve: ({ total }) => total,
        }),
      }),
    })
    return ref
  }
}

/** Arguments that every list takes. */
// oxlint-disable-next-line typescript/explicit-module-boundary-types -- the library infers the types of arguments
export function pageArgs(builder: Builder) {
  return builder.args((t) => ({
    first: t.int({
      required: true,
      defaultValue: DEFAULT_PAGE,
      description: `How many items, 1 to ${LARGEST_PAGE}.`,
    }),
    after: t.string({ description: 'Where to go on: `endCursor` of the page before.' }),
  }))
}
