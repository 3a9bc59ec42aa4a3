import type { Json } from '@polis/lib/json'
import { initGraphQLTada, type TadaDocumentNode } from 'gql.tada'
import type { introspection } from './graphql-env.d.ts'

/** Documents of the published schema, with the types of their variables and results. */
export const graphql = initGraphQLTada<{
  introspection: introspection
  disableMasking: true
  scalars: {
    DateTime: string
    ByteCount: number
    StringMap: Readonly<Record<string, string>>
    JSON: Json
  }
}>()

export type { ResultOf, VariablesOf } from 'gql.tada'
export type Document<Result, Variables> = TadaDocumentNode<Result, Variables>
