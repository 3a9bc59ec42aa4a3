import { PolisError, type Problem, refusal } from '@polis/lib/error'
import type { ChangeShown } from './documents/changes.ts'
import {
  EventList,
  OperationFollow,
  type OperationShown,
  type ProblemShown,
} from './documents/operations.ts'
import type { Client } from './client/client.ts'
import type { Document } from './graphql.ts'
import { createProgress } from './output/progress.ts'
import type { Session } from './shell.ts'

/** Every command that changes something has these. */
export interface ChangeOptions {
  readonly plan?: boolean
  /** Commander's name for `--no-wait`. */
  readonly wait?: boolean
}

/** Asks for a change and follows it to its end, or only shows its plan. Throws why it was refused or failed. */
export async function change<Input>(
  session: Session,
  document: Document<
    { readonly change: ChangeShown },
    { readonly input: Input; readonly planOnly: boolean }
  >,
  input: Input,
  options: ChangeOptions,
): Promise<void> {
  const client = await session.client()
  const { printer } = session
  const planOnly = options.plan === true
  const answer = await client.ask(document, { input, planOnly })
  const { plan, operation } = answer.change
  if (operation === null) {
    showPlan(session, plan)
    return
  }
  for (const warning of operation.warnings)
    printer.note(printer.problem('warning', toProblem(warning)))
  if (options.wait === false) {
    printer.result(operation, () => operation.id)
    return
  }
  await finish(session, client, operation)
}

function showPlan({ printer }: Session, plan: ChangeShown['plan']): void {
  const { title, steps, problems, warnings } = plan
  printer.result(plan, () =>
    [`${title} would`, ...steps.map((step) => `  - ${step.title}`)].join('\n'),
  )
  for (const warning of warnings) printer.note(printer.problem('warning', toProblem(warning)))
  if (problems.length > 0) throw refusal(problems.map((problem) => toProblem(problem)))
}

/** Follows a running operation, shows how it goes, and throws when it ends in another way than done. */
export async function finish(
  session: Session,
  client: Client,
  operation: OperationShown,
): Promise<void> {
  const { printer } = session
  const ended = await follow(session, client, operation)
  if (ended.status === 'done') {
    printer.result(ended, () => summaryOf(ended))
    return
  }
  if (printer.isJson) printer.result(ended, () => '')
  if (ended.status === 'failed') await showBuildLog(session, client, ended)
  throw failureOf(ended)
}

async function follow(
  session: Session,
  client: Client,
  operation: OperationShown,
): Promise<OperationShown> {
  const { deps, printer } = session
  if (operation.status !== 'running') return operation
  const progress = createProgress(deps, printer.isJson)
  let last = operation
  try {
    progress.update(operation)
    for await (const { operation: next } of client.follow(OperationFollow, () => ({
      id: operation.id,
    }))) {
      last = next
      progress.update(next)
    }
  } catch (cause) {
    if (!deps.signal.aborted) throw cause
    throw new PolisError('Canceled', `"${operation.title}" goes on without you`, {
      hint: `polis operation watch ${operation.id}, or polis operation cancel ${operation.id}`,
      cause,
    })
  } finally {
    progress.end()
  }
  return last
}

/** "Deploy shop: done" and what the operation has to say, such as its address. */
function summaryOf({ title, result }: OperationShown): string {
  const facts = Object.entries(result).map(([name, value]) => `  ${name}: ${value}`)
  return [`${title}: done`, ...facts].join('\n')
}

const BUILD_LOG_LINES = 20

/** The last that a build said is mostly why it failed. */
async function showBuildLog(
  { printer }: Session,
  client: Client,
  { requestId }: OperationShown,
): Promise<void> {
  const filter = { requestId, type: 'build.log' }
  const { page } = await client.ask(EventList, { first: 10, filter })
  const lines = page.nodes.toReversed().flatMap(({ message }) => message.split('\n'))
  for (const line of lines.slice(-BUILD_LOG_LINES)) printer.note(printer.style.faint(`  | ${line}`))
}

function failureOf({ title, status, error, id }: OperationShown): PolisError {
  if (status === 'cancelled') return new PolisError('Canceled', `"${title}" was cancelled`)
  if (error !== null) return refusal([toProblem(error)])
  return new PolisError(
    'Unavailable',
    `"${title}" has not ended, and nobody tells how it goes on`,
    {
      hint: `polis operation watch ${id}`,
    },
  )
}

function toProblem({ hint, file, line, column, ...problem }: ProblemShown): Problem {
  return {
    ...problem,
    ...(hint === null ? {} : { hint }),
    ...(file === null ? {} : { file }),
    ...(line === null ? {} : { line }),
    ...(column === null ? {} : { column }),
  }
}
