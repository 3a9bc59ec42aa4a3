import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  causeChain,
  ERROR_CODES,
  PolisError,
  type Problem,
  refusal,
  toPolisError,
} from './error.ts'

test('an error with one finding lists itself, with what is known of it', () => {
  const bare = new PolisError('NotFound', 'there is no volume data')
  expect(bare.problems).toEqual([
    { code: 'NotFound', path: '', message: 'there is no volume data' },
  ])
  const full = new PolisError('AlreadyExists', 'taken', { path: 'name', hint: 'choose another' })
  expect(full.problems).toEqual([
    { code: 'AlreadyExists', path: 'name', message: 'taken', hint: 'choose another' },
  ])
})

test('a cause is kept, and its message is not repeated', () => {
  const cause = new Error('ENOSPC')
  const error = new PolisError('ResourceExhausted', 'the volume was not made', { cause })
  expect(error.cause).toBe(cause)
  expect(error.message).toBe('the volume was not made')
  expect('cause' in new PolisError('Internal', 'x')).toBe(false)
})

test('a refusal speaks of its first problem and lists all', () => {
  const problems: Problem[] = [
    { code: 'InvalidArgument', path: 'services.web.ports[0]', message: 'no', line: 3, column: 5 },
    { code: 'AlreadyExists', path: 'name', message: 'taken', hint: 'choose another' },
  ]
  const error = refusal(problems)
  expect(error).toMatchObject({
    code: 'InvalidArgument',
    path: 'services.web.ports[0]',
    message: 'no',
  })
  expect(error.problems).toEqual(problems)
  expect(() => refusal([])).toThrow('at least one problem')
})

test('only codes that may pass by themselves are retryable', () => {
  const retryable = ERROR_CODES.filter((code) => new PolisError(code, '').isRetryable)
  expect(retryable.toSorted()).toEqual([
    'Aborted',
    'DeadlineExceeded',
    'ResourceExhausted',
    'Unavailable',
  ])
})

test('whatever is thrown becomes a PolisError that keeps it', async () => {
  const own = new PolisError('NotFound', 'gone')
  expect(toPolisError(own, 'look')).toBe(own)
  const abort = new AbortController()
  abort.abort()
  expect(toPolisError(abort.signal.reason, 'build')).toMatchObject({
    code: 'Canceled',
    message: 'build was cancelled',
  })
  const timeout = AbortSignal.timeout(0)
  await new Promise((resolve) => timeout.addEventListener('abort', resolve))
  expect(toPolisError(timeout.reason, 'build')).toMatchObject({ code: 'DeadlineExceeded' })
  fc.assert(
    fc.property(fc.anything(), (thrown) => {
      const error = toPolisError(thrown, 'build')
      expect(error.code).toBe('Internal')
      expect(error.cause).toBe(thrown)
    }),
  )
})

test('a chain of causes is told outermost first, and a circle of them ends', () => {
  const inner = new Error('connect ECONNREFUSED')
  const outer = new PolisError('Unavailable', 'docker is away', { cause: inner })
  expect(causeChain(outer)).toEqual(['docker is away', 'connect ECONNREFUSED'])
  expect(causeChain('text')).toEqual(['a value that is not an error was thrown'])
  const circle = new Error('round')
  circle.cause = circle
  expect(causeChain(circle).length).toBeLessThanOrEqual(10)
})
