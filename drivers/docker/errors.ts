import { PolisError } from '@polis/lib/error'

/** A failed build in the words of the person who wrote the Dockerfile: what Docker says, and the log's last lines. */
export function fromBuildError(
  cause: unknown,
  lastLines: readonly string[],
  memoryBytes: number,
): unknown {
  if (!(cause instanceof PolisError)) return cause
  if (cause.code === 'Unavailable' || cause.path !== '') return cause
  const told = cause.message.replace(/^Docker: /, '')
  const message = ['the build failed: ' + told, ...lastLines].join('\n')
  if (told.endsWith('returned a non-zero code: 137')) {
    return new PolisError('ResourceExhausted', message, {
      cause,
      hint: `a step was killed, most likely for want of memory: the limit is ${memoryBytes} bytes`,
    })
  }
  if (cause.code === 'ResourceExhausted') {
    return new PolisError('ResourceExhausted', message, { cause, hint: 'make room on the disk' })
  }
  if (/^pull access denied|manifest unknown|repository does not exist/.test(told)) {
    return new PolisError('NotFound', message, { cause })
  }
  return new PolisError('InvalidArgument', message, { cause, path: 'dockerfile' })
}
