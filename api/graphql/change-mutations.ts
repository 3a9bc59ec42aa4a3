import type { Plan } from '@polis/kernel/kernel'
import type { Operation } from '@polis/kernel/operation'
import { ChangeRequest } from '@polis/kernel/request'
import { PolisError, type Problem } from '@polis/lib/error'
import type { Builder } from './builder.ts'
import { type ApiContext, callerOf } from './context.ts'
import { InputTypes, toChangeRequest } from './input-types.ts'
import type { ObjectTypes } from './object-types.ts'
import type { Change, OperationTypes } from './operation-types.ts'
import { changeWords } from './words/changes.ts'

/** A mutation for each request there is, and `plan` for all of them. */
export function addChangeMutations(
  builder: Builder,
  types: ObjectTypes,
  { plan, change }: OperationTypes,
): void {
  const inputs = new InputTypes(builder, types)
  const changeTypes = ChangeRequest.options.map((option) => option.shape.type.value)
  for (const type of changeTypes) {
    builder.mutationField(type, (t) =>
      t.field({
        type: change,
        description: changeWords[type].summary,
        args: {
          input: t.arg({
            type: inputs.ofRequest(type, changeWords[type]),
            required: true,
            description: 'What to do.',
          }),
          planOnly: t.arg.boolean({
            required: true,
            defaultValue: false,
            description: 'True: only say what would be done.',
          }),
        },
        resolve: (_root, { input, planOnly }, context) =>
          carryOut(context, toChangeRequest(type, input), planOnly),
      }),
    )
  }
  const request = builder.inputType('ChangeInput', {
    isOneOf: true,
    description: 'A request: exactly one of these.',
    fields: (t) =>
      Object.fromEntries(
        changeTypes.map((type) => [
          type,
          t.field({
            type: inputs.ofRequest(type, changeWords[type]),
            description: changeWords[type].summary,
          }),
        ]),
      ),
  })
  builder.queryField('plan', (t) =>
    t.field({
      type: plan,
      description: 'What a request would do. Nothing is changed.',
      args: { request: t.arg({ type: request, required: true, description: 'The request.' }) },
      resolve: (_root, args, context) => {
        const [member] = Object.entries(args.request)
        const type = changeTypes.find((candidate) => candidate === member?.[0])
        if (type === undefined) throw new PolisError('InvalidArgument', 'no request was given')
        return context.kernel.plan(callerOf(context), toChangeRequest(type, member?.[1]))
      },
    }),
  )
}

async function carryOut(
  context: ApiContext,
  request: ChangeRequest,
  planOnly: boolean,
): Promise<Change> {
  const { kernel } = context
  const actor = callerOf(context)
  if (planOnly) return { plan: await kernel.plan(actor, request), operation: undefined }
  const operation = await kernel.submit(actor, request)
  return { plan: planOf(operation), operation }
}

/** What was planned is what the operation set out to do. */
function planOf({ verb, title, steps, warnings }: Operation): Plan {
  return {
    verb,
    title,
    steps,
    problems: [],
    warnings: warnings.map((warning) => toProblem(warning)),
  }
}

function toProblem({ hint, ...problem }: Operation['warnings'][number]): Problem {
  return hint === undefined ? problem : { ...problem, hint }
}
