import { PolisError } from '@polis/lib/error'

/** HAProxy's command socket did not answer: it is not running, or not any more. */
export function fromSocketError(cause: unknown, path: string): PolisError {
  return new PolisError('Unavailable', `HAProxy does not answer on ${path}`, { cause })
}

/** What `haproxy -c` said about a table; its words name lines of the file that was tested, never a key. */
export function fromFailedTest(cause: unknown): PolisError {
  if (cause instanceof PolisError && cause.code === 'Unavailable') return cause
  return new PolisError('InvalidArgument', 'HAProxy refuses this table', { cause })
}

export function notStarted(lastWords: string, cause?: unknown): PolisError {
  const message = `HAProxy did not start: ${lastWords === '' ? 'it said nothing' : lastWords}`
  return new PolisError('Unavailable', message, { cause })
}

export function notReloaded(lastWords: string, cause: unknown): PolisError {
  return new PolisError('Unavailable', `HAProxy did not take the new table over: ${lastWords}`, {
    cause,
    hint: 'The table before it still holds.',
  })
}

export function notInSync(differences: readonly string[]): PolisError {
  return new PolisError(
    'Internal',
    `HAProxy did not take ${differences.length} changes: ${differences.slice(0, 3).join('; ')}`,
  )
}
