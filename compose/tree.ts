/** Where a value stands in a text, from 1. */
export interface Place {
  readonly file: string
  readonly line: number
  readonly column: number
}

interface ScalarNode {
  readonly kind: 'scalar'
  readonly place: Place
  /** As YAML means it, variables put in. */
  readonly value: string | number | boolean | null
  /** As it was written (for numbers: `1.10`, not 1.1), variables put in. */
  readonly text: string
}

export interface ListNode {
  readonly kind: 'list'
  readonly place: Place
  readonly items: readonly TreeNode[]
}

export interface MapNode {
  readonly kind: 'map'
  readonly place: Place
  readonly entries: ReadonlyMap<string, TreeNode>
}

/** A parsed file: aliases and merge keys resolved, every value with its place. Aliased parts are shared, not copied. */
export type TreeNode = ScalarNode | ListNode | MapNode

export const emptyMap = (place: Place): MapNode => ({ kind: 'map', place, entries: new Map() })
