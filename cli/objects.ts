import { PolisError } from '@polis/lib/error'
import type { Client } from './client/client.ts'
import type { Document } from './graphql.ts'

export interface PageOf<Node> {
  readonly page: {
    readonly nodes: readonly Node[]
    readonly pageInfo: { readonly endCursor: string | null; readonly hasNextPage: boolean }
  }
}

export interface PageVariables<Filter> {
  readonly first: number
  readonly after?: string | null
  readonly filter?: Filter | null
}

const PAGE = 100

/** All items of a list, page by page; at most `most`. */
export async function listAll<Node, Filter>(
  client: Client,
  document: Document<PageOf<Node>, PageVariables<Filter>>,
  filter: Filter,
  most = Infinity,
): Promise<readonly Node[]> {
  const nodes: Node[] = []
  let after: string | null = null
  for (;;) {
    const first = Math.min(PAGE, most - nodes.length)
    const { page }: PageOf<Node> = await client.ask(document, { first, after, filter })
    nodes.push(...page.nodes)
    if (!page.pageInfo.hasNextPage || nodes.length >= most) return nodes
    after = page.pageInfo.endCursor
  }
}

/** The object, or NotFound. */
export async function findOne<Node, Variables extends { readonly name: string }>(
  client: Client,
  document: Document<{ readonly found: Node | null }, Variables>,
  variables: Variables,
  what: string,
): Promise<Node> {
  const { found } = await client.ask(document, variables)
  if (found !== null) return found
  const name = JSON.stringify(variables.name)
  throw new PolisError('NotFound', `there is no ${what} ${name} that you may see`, {
    path: 'name',
    hint: `polis ${what} ls`,
  })
}

interface Shown {
  readonly project: { readonly name: string } | null
}

/** An object as scripts read it: its project by name. */
export function toResource<Node extends Shown>(
  node: Node,
): Omit<Node, 'project'> & { readonly project: string | null } {
  return { ...node, project: node.project?.name ?? null }
}
