import { ERROR_CODES } from '@polis/lib/error'
import { LEVELS } from '@polis/kernel/journal'
import { OPERATION_STATUSES, StepStatus } from '@polis/kernel/operation'
import { AttachmentSpec } from '@polis/resources/attachment'
import { DomainSpec } from '@polis/resources/domain'
import { Condition } from '@polis/resources/object'
import { kindNames, kinds } from '@polis/resources/registry'
import { ROLES } from '@polis/resources/role-binding'
import { ServiceSpec } from '@polis/resources/service'
import { TaskStatus } from '@polis/resources/task'
import { TokenSpec } from '@polis/resources/token'

/** A closed set of words: found again by its values, whichever schema names them. */
export interface EnumWords {
  readonly name: string
  readonly summary: string
  readonly values: Readonly<Record<string, string>>
}

function words<const Value extends string>(
  name: string,
  summary: string,
  _values: readonly Value[],
  texts: Readonly<Record<Value, string>>,
): EnumWords {
  return { name, summary, values: texts }
}

/** Every enum of the schema. In GraphQL a hyphen of a value becomes an underscore; nothing else changes. */
export const enums = [
  words('Role', 'What a user may do. Each role may do all that the next one may.', ROLES, {
    administrator: 'Everything, users and devices too.',
    operator: 'Everything that concerns applications and what they are given.',
    viewer: 'Looking, and nothing else.',
  }),
  words('TaskState', 'What has become of a task.', TaskStatus.shape.state.options, {
    waiting: 'Waits for something of Polis: an image, another service, an attachment.',
    pending: 'The engine has it and looks for a place.',
    starting: 'Its container starts, or is not healthy yet.',
    running: 'It runs, and is healthy where that is checked.',
    unhealthy: 'It runs and its health check fails.',
    exited: 'Its container ended.',
    lost: 'Its node does not answer.',
  }),
  words('TokenPurpose', 'What a token is for.', TokenSpec.shape.purpose.options, {
    session: 'A browser or a shell that signed in.',
    api: 'A program.',
    'sign-in': 'A one-time sign-in link.',
    join: 'Lets a node enrol.',
  }),
  words('Tls', 'How a domain is encrypted.', DomainSpec.shape.tls.options, {
    off: 'Plain HTTP.',
  }),
  words(
    'UpdateOrder',
    'Which comes first when a task is replaced.',
    ServiceSpec.shape.updateOrder.options,
    {
      'start-first': 'The new task serves before the old one is taken away.',
      'stop-first': 'The old task is gone before the new one starts: two must never overlap.',
    },
  ),
  words(
    'DependencyCondition',
    'What must be true of a service that another depends on.',
    ServiceSpec.shape.dependsOn.element.shape.condition.options,
    { started: 'It runs.', healthy: 'It runs and its health check passes.' },
  ),
  words('AttachmentLayer', 'Who asked for an attachment.', AttachmentSpec.shape.layer.options, {
    file: 'The Compose file; goes when the file no longer asks for it.',
    operator: 'A person or a program, by hand; stays over deploys.',
  }),
  words(
    'AttachmentType',
    'What can be attached to a service.',
    ['domain', 'database', 'volume', 'port', 'secret'],
    {
      domain: 'A host name that leads to the service.',
      database: 'A database, reachable at the gateway.',
      volume: 'A folder under `/polis`.',
      port: 'A port of the node.',
      secret: 'A value as a file.',
    },
  ),
  words('ConditionStatus', 'Whether a condition holds.', Condition.shape.status.options, {
    True: 'It holds.',
    False: 'It does not hold.',
    Unknown: 'Nobody can tell at present.',
  }),
  words('OperationStatus', 'How an operation stands.', OPERATION_STATUSES, {
    running: 'Not all that it asked for is true yet.',
    done: 'All that it asked for is true.',
    failed: 'It could not be made true; `error` says why.',
    cancelled: 'Somebody took it back.',
  }),
  words('StepStatus', 'How one step of an operation stands.', StepStatus.options, {
    waiting: 'Its turn has not come.',
    running: 'It is being made true.',
    done: 'It is true.',
    failed: 'It could not be made true; its message says why.',
    skipped: 'It was not needed.',
  }),
  words('Kind', 'The kinds of objects.', kindNames, kindSummaries()),
  words('Level', 'How much an event matters.', LEVELS, {
    info: 'As it should be.',
    warning: 'Somebody should look at it.',
    error: 'Something did not work.',
  }),
  words('LogSource', 'Where a program wrote a line.', ['stdout', 'stderr'], {
    stdout: 'Standard output.',
    stderr: 'Standard error.',
  }),
  words('ChangeType', 'What became of an object.', ['put', 'removed'], {
    put: 'It came or changed.',
    removed: 'It is gone.',
  }),
  words('ErrorCode', 'What sort of error it is; the set that gRPC uses.', ERROR_CODES, {
    InvalidArgument: 'The request can never be carried out as it is.',
    NotFound: 'What it names does not exist, or is not for the caller to see.',
    AlreadyExists: 'The name or claim is taken.',
    FailedPrecondition: 'Something else has to be done first.',
    Aborted: 'Somebody else changed the same thing; trying again may work.',
    PermissionDenied: 'The caller may not.',
    Unauthenticated: 'Nobody is signed in, or the token no longer holds.',
    ResourceExhausted: 'A limit was reached: a quota, a rate, a size, the disk.',
    Unimplemented: 'Polis or the driver cannot do that.',
    Unavailable: 'Somebody who is needed does not answer at present.',
    DeadlineExceeded: 'It took too long.',
    Canceled: 'The caller took it back.',
    Internal: 'A fault of Polis; the log has it under the request id.',
  }),
] as const

/** `start-first` as GraphQL may write it. */
export function toEnumName(value: string): string {
  return value.replaceAll('-', '_')
}

function kindSummaries(): Readonly<Record<(typeof kindNames)[number], string>> {
  const summaries: Partial<Record<(typeof kindNames)[number], string>> = {}
  for (const name of kindNames) summaries[name] = kinds[name].summary
  return summaries as Readonly<Record<(typeof kindNames)[number], string>>
}
