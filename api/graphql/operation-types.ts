import type { Plan } from '@polis/kernel/kernel'
import type { Operation } from '@polis/kernel/operation'
import type { ObjectRef } from '@pothos/core'
import type { Builder, SchemaTypes } from './builder.ts'
import type { KindTypes } from './kind-types.ts'
import type { Fields, ObjectTypes } from './object-types.ts'

export interface Change {
  readonly plan: Plan
  readonly operation: Operation | undefined
}

/** Types that say what was asked for and what came of it. */
export interface OperationTypes {
  readonly plan: ObjectRef<SchemaTypes, Plan>
  readonly change: ObjectRef<SchemaTypes, Change>
}

export function addOperationTypes(
  builder: Builder,
  types: ObjectTypes,
  kindTypes: KindTypes,
): OperationTypes {
  addOperationLinks(builder, types, kindTypes)
  const plan = addPlan(builder, types)
  const change = builder.objectRef<Change>('ChangePayload').implement({
    description: 'What a mutation answers.',
    fields: (t) => ({
      plan: t.field({
        type: plan,
        description: 'What the request does.',
        resolve: (payload) => payload.plan,
      }),
      operation: t.field({
        type: types.named('Operation'),
        nullable: true,
        description: 'The running operation; absent when only the plan was asked for.',
        resolve: (payload): Fields | undefined => payload.operation,
      }),
    }),
  })
  return { plan, change }
}

function addOperationLinks(
  builder: Builder,
  types: ObjectTypes,
  { of, resource }: KindTypes,
): void {
  const operation = types.named('Operation')
  builder.objectField(operation, 'project', (t) =>
    t.field({
      type: of('Project'),
      nullable: true,
      description: 'The project it is about.',
      resolve: ({ projectUid }, _, { lookup }) => lookup.reader.find('Project', textOf(projectUid)),
    }),
  )
  builder.objectField(operation, 'target', (t) =>
    t.field({
      type: resource,
      nullable: true,
      description: 'The object it is about, while that exists.',
      resolve: ({ targetUid }, _, { lookup }) => lookup.findAny(textOf(targetUid)),
    }),
  )
}

function addPlan(builder: Builder, types: ObjectTypes): ObjectRef<SchemaTypes, Plan> {
  const step = builder.objectRef<Plan['steps'][number]>('PlanStep').implement({
    description: 'One thing that would be made true.',
    fields: (t) => ({
      key: t.exposeString('key', { description: 'Stable within the plan: `image/web`.' }),
      title: t.exposeString('title', { description: 'For people: "Build image web".' }),
    }),
  })
  const problem = types.named('Problem')
  return builder.objectRef<Plan>('Plan').implement({
    description: 'What a request would do, decided without doing it.',
    fields: (t) => ({
      verb: t.exposeString('verb', { description: 'Type of the request.' }),
      title: t.exposeString('title', { description: 'For people: "Deploy shop".' }),
      steps: t.field({
        type: [step],
        description: 'What would be made true, in the order in which it would be seen.',
        resolve: ({ steps }) => steps,
      }),
      problems: t.field({
        type: [problem],
        description: 'Why it cannot be carried out, all at once; empty: it can.',
        resolve: ({ problems }): readonly Fields[] => problems.map((found) => ({ ...found })),
      }),
      warnings: t.field({
        type: [problem],
        description: 'What the caller should know before it is carried out.',
        resolve: ({ warnings }): readonly Fields[] => warnings.map((found) => ({ ...found })),
      }),
    }),
  })
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
