import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  getNamedType,
  type GraphQLField,
  type GraphQLSchema,
  isInterfaceType,
  isListType,
  getNullableType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  type SelectionNode,
  type SelectionSetNode,
  type GraphQLNamedType,
  GraphQLError,
} from 'graphql'
import { DEFAULT_PAGE, LARGEST_PAGE } from './page.ts'

export const LIMITS = {
  depth: 12,
  aliases: 30,
  tokens: 6000,
  mutations: 10,
  /** Fields that an answer may have at most, by estimate. */
  cost: 50_000,
} as const

/** Items that a list without pages is taken to have. */
const LIST_ESTIMATE = 10

/** What a document asks for; a fragment is weighed once, however often it is spread. */
interface Weight {
  readonly depth: number
  readonly cost: number
}

/**
 * Refuses a valid document that asks for too much. The cost of a field is one plus that of what is below it, times
 * the items of a list: `first` where there are pages, ten elsewhere. Introspection does not count; it has a rule of
 * its own and is for those who are signed in.
 */
export function checkLimits(request: {
  readonly schema: GraphQLSchema
  readonly document: DocumentNode
  readonly variableValues?: Readonly<Record<string, unknown>> | null | undefined
}): readonly GraphQLError[] {
  const { schema, document, variableValues } = request
  const scale = new Scale(schema, document, variableValues ?? {})
  const errors: GraphQLError[] = []
  for (const definition of document.definitions) {
    if (definition.kind !== Kind.OPERATION_DEFINITION) continue
    const { depth, cost } = scale.weigh(definition)
    if (depth > LIMITS.depth) {
      errors.push(excess(definition, `it is ${depth} levels deep; ${LIMITS.depth} are allowed`))
    }
    if (cost > LIMITS.cost) {
      const advice = 'ask for fewer items or fields'
      errors.push(excess(definition, `it costs ${cost}; ${LIMITS.cost} are allowed: ${advice}`))
    }
    const fields = definition.selectionSet.selections.length
    if (definition.operation === 'mutation' && fields > LIMITS.mutations) {
      errors.push(excess(definition, `it has ${fields} mutations; ${LIMITS.mutations} are allowed`))
    }
  }
  return errors
}

/** Refuses what would be dear to validate; looks at the text's tree alone. */
export function countAliases({
  documentAST: document,
}: {
  readonly documentAST: DocumentNode
}): number {
  let aliases = 0
  const visit = ({ selections }: SelectionSetNode): void => {
    for (const selection of selections) {
      if (selection.kind === Kind.FIELD && selection.alias !== undefined) aliases += 1
      if ('selectionSet' in selection && selection.selectionSet !== undefined) {
        visit(selection.selectionSet)
      }
    }
  }
  for (const definition of document.definitions) {
    if ('selectionSet' in definition) visit(definition.selectionSet)
  }
  return aliases
}

function excess(node: OperationDefinitionNode, reason: string): GraphQLError {
  return new GraphQLError(`the request asks for too much: ${reason}`, { nodes: [node] })
}

class Scale {
  readonly #schema: GraphQLSchema
  readonly #variables: Readonly<Record<string, unknown>>
  readonly #fragments = new Map<string, FragmentDefinitionNode>()
  readonly #weights = new Map<string, Weight>()

  constructor(
    schema: GraphQLSchema,
    document: DocumentNode,
    variables: Readonly<Record<string, unknown>>,
  ) {
    this.#schema = schema
    this.#variables = variables
    for (const definition of document.definitions) {
      if (definition.kind !== Kind.FRAGMENT_DEFINITION) continue
      this.#fragments.set(definition.name.value, definition)
    }
  }

  weigh({ operation, selectionSet }: OperationDefinitionNode): Weight {
    return this.#weighSet(selectionSet, this.#schema.getRootType(operation) ?? undefined)
  }

  #weighSet({ selections }: SelectionSetNode, parent: GraphQLNamedType | undefined): Weight {
    let depth = 0
    let cost = 0
    for (const selection of selections) {
      const weight = this.#weighSelection(selection, parent)
      depth = Math.max(depth, weight.depth)
      cost += weight.cost
    }
    return { depth, cost }
  }

  #weighSelection(selection: SelectionNode, parent: GraphQLNamedType | undefined): Weight {
    switch (selection.kind) {
      case Kind.FIELD:
        return this.#weighField(selection, parent)
      case Kind.INLINE_FRAGMENT: {
        const name = selection.typeCondition?.name.value
        const type = name === undefined ? parent : this.#schema.getType(name)
        return this.#weighSet(selection.selectionSet, type)
      }
      case Kind.FRAGMENT_SPREAD:
        return this.#weighFragment(selection.name.value)
    }
  }

  #weighFragment(name: string): Weight {
    const known = this.#weights.get(name)
    if (known !== undefined) return known
    const fragment = this.#fragments.get(name)
    if (fragment === undefined) return { depth: 0, cost: 0 }
    const type = this.#schema.getType(fragment.typeCondition.name.value)
    const weight = this.#weighSet(fragment.selectionSet, type)
    this.#weights.set(name, weight)
    return weight
  }

  #weighField(field: FieldNode, parent: GraphQLNamedType | undefined): Weight {
    if (field.name.value.startsWith('__')) return { depth: 0, cost: 1 }
    const definition = fieldOf(parent, field.name.value)
    if (field.selectionSet === undefined || definition === undefined) return { depth: 1, cost: 1 }
    const below = this.#weighSet(field.selectionSet, getNamedType(definition.type))
    const items = this.#itemsOf(field, definition)
    return { depth: below.depth + 1, cost: 1 + items * below.cost }
  }

  #itemsOf(field: FieldNode, { type, args }: GraphQLField<unknown, unknown>): number {
    if (args.some(({ name }) => name === 'first')) return this.#firstOf(field)
    // The pages' own lists are counted where `first` stands.
    if (field.name.value === 'nodes') return 1
    return isListType(getNullableType(type)) ? LIST_ESTIMATE : 1
  }

  #firstOf(field: FieldNode): number {
    const value = field.arguments?.find(({ name }) => name.value === 'first')?.value
    if (value?.kind === Kind.INT) return clamp(Number(value.value))
    const given = value?.kind === Kind.VARIABLE ? this.#variables[value.name.value] : undefined
    return typeof given === 'number' ? clamp(given) : DEFAULT_PAGE
  }
}

function fieldOf(
  parent: GraphQLNamedType | undefined,
  name: string,
): GraphQLField<unknown, unknown> | undefined {
  return isObjectType(parent) || isInterfaceType(parent) ? parent.getFields()[name] : undefined
}

/** Whatever is outside is refused by the list itself. */
function clamp(first: number): number {
  return Math.min(Math.max(first, 1), LARGEST_PAGE)
}
