import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { Code, ConnectError } from '@connectrpc/connect'
import {
  ERROR_CODES,
  type ErrorCode,
  PolisError,
  type Problem,
  toPolisError,
} from '@polis/lib/error'
import {
  type ErrorDetail,
  ErrorDetailSchema,
  type ProblemSchema,
} from './gen/polis/agent/v1/agent_pb.js'

// Written out, because Connect's numbers are what travels.
const CODES: Readonly<Record<ErrorCode, Code>> = {
  InvalidArgument: Code.InvalidArgument,
  NotFound: Code.NotFound,
  AlreadyExists: Code.AlreadyExists,
  FailedPrecondition: Code.FailedPrecondition,
  Aborted: Code.Aborted,
  PermissionDenied: Code.PermissionDenied,
  Unauthenticated: Code.Unauthenticated,
  ResourceExhausted: Code.ResourceExhausted,
  Unimplemented: Code.Unimplemented,
  Unavailable: Code.Unavailable,
  DeadlineExceeded: Code.DeadlineExceeded,
  Canceled: Code.Canceled,
  Internal: Code.Internal,
}

/** What the connection itself can say about a call, and means it: everything else it says is "the peer is away". */
const SAID_BY_CONNECTION: ReadonlySet<Code> = new Set([
  Code.Unimplemented,
  Code.ResourceExhausted,
  Code.PermissionDenied,
  Code.Unauthenticated,
])

/** Any thrown value as it travels: code, message, path, hint and problems. Its causes stay on this side. */
export function toConnectError(thrown: unknown, doing: string): ConnectError {
  const error = toPolisError(thrown, doing)
  const { path, hint, problems } = error
  const detail = create(ErrorDetailSchema, {
    path,
    ...(hint === undefined ? {} : { hint }),
    problems: problems.map((problem): MessageInitShape<typeof ProblemSchema> => problem),
  })
  const details = [{ desc: ErrorDetailSchema, value: detail }]
  return new ConnectError(error.message, CODES[error.code], undefined, details, error)
}

/**
 * What a call to a peer threw, as the peer meant it. An error that the peer did not raise on purpose came from the
 * connection, and is Unavailable unless the connection can tell better.
 */
export function fromConnectError(thrown: unknown, peer: string): PolisError {
  if (thrown instanceof PolisError) return thrown
  const error = ConnectError.from(thrown)
  const [detail] = error.findDetails(ErrorDetailSchema)
  if (detail !== undefined) return fromDetail(error, detail)
  if (SAID_BY_CONNECTION.has(error.code)) {
    return new PolisError(toErrorCode(error.code), `${peer}: ${error.rawMessage}`, {
      cause: thrown,
    })
  }
  return new PolisError('Unavailable', `${peer} is away`, { cause: thrown })
}

function fromDetail(error: ConnectError, detail: ErrorDetail): PolisError {
  const { path, hint } = detail
  const problems = detail.problems.map(fromProblem)
  return new PolisError(toErrorCode(error.code), error.rawMessage, {
    path,
    ...(hint === undefined ? {} : { hint }),
    ...(problems.length > 0 ? { problems } : {}),
  })
}

function fromProblem(problem: ErrorDetail['problems'][number]): Problem {
  const { path, message, hint, file, line, column } = problem
  return {
    code: ERROR_CODES.find((known) => known === problem.code) ?? 'Internal',
    path,
    message,
    ...(hint === undefined ? {} : { hint }),
    ...(file === undefined ? {} : { file }),
    ...(line === undefined ? {} : { line }),
    ...(column === undefined ? {} : { column }),
  }
}

function toErrorCode(code: Code): ErrorCode {
  return ERROR_CODES.find((known) => CODES[known] === code) ?? 'Internal'
}
