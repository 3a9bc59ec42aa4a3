import { type ErrorCode, PolisError } from '@polis/lib/error'

/** Swarm answers many refusals with 400 or 500 and says the true code, a gRPC one, in words. */
const RPC_CODE = /rpc error: code = (?<code>\w+) desc = /

const BY_RPC_CODE: Readonly<Record<string, ErrorCode>> = {
  AlreadyExists: 'AlreadyExists',
  DeadlineExceeded: 'DeadlineExceeded',
  FailedPrecondition: 'FailedPrecondition',
  InvalidArgument: 'InvalidArgument',
  NotFound: 'NotFound',
  ResourceExhausted: 'ResourceExhausted',
  Unavailable: 'Unavailable',
}

/** Also said by a manager whose engine has just started, and that is by far the more frequent reason. */
const NO_MANAGER = /not a swarm manager|not part of a swarm|swarm does not have a leader/i

/** What the Engine API threw for a Swarm call, with the code that Swarm meant. Everything else stays what it is. */
export function fromSwarmError(thrown: unknown): unknown {
  if (!(thrown instanceof PolisError)) return thrown
  if (NO_MANAGER.test(thrown.message)) {
    return new PolisError('Unavailable', "this node's swarm does not answer", { cause: thrown })
  }
  const rpcCode = RPC_CODE.exec(thrown.message)?.groups?.['code'] ?? ''
  const code = BY_RPC_CODE[rpcCode]
  if (code === undefined) return thrown
  return new PolisError(code, thrown.message.replace(RPC_CODE, ''), { cause: thrown })
}

export function hasCode(thrown: unknown, code: ErrorCode): boolean {
  return thrown instanceof PolisError && thrown.code === code
}
