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

/** HAProxy gave up while starting, or while taking a new table over; `words` are its last. */
export function notServing(doing: string, words: string, cause: unknown): PolisError {
  const message = `HAProxy did not ${doing}: ${words === '' ? 'it said nothing' : words}`
  // Who holds the port is found before; this is the one that came in between.
  const code = words.includes('Address already in use') ? 'AlreadyExists' : 'Unavailable'
  return new PolisError(code, message, { cause })
}

export function notInSync(differences: readonly string[]): PolisError {
  return new PolisError(
    'Internal',
    `HAProxy did not take ${differences.length} changes: ${differences.slice(0, 3).join('; ')}`,
  )
}
