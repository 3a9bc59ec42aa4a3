import { expect, test } from 'vitest'
import { until } from './until.ts'

test('gives the first value that is neither undefined nor false, and asks no further', async () => {
  const answers = [undefined, false, 0, 'too late']
  const found = await until<number | string>(() => answers.shift() as number, {
    deadlineMs: 5_000,
    everyMs: 1,
    what: 'an answer',
  })
  expect(found).toBe(0)
  expect(answers).toEqual(['too late'])
})

test('asks at least once, however short the time', async () => {
  expect(await until(() => 'there', { deadlineMs: 0, what: 'it' })).toBe('there')
})

test('says what it waited for, and what the last try threw', async () => {
  const waiting = until(() => Promise.reject(new Error('connection refused')), {
    deadlineMs: 20,
    everyMs: 1,
    what: 'the server answers',
  })
  await expect(waiting).rejects.toMatchObject({
    code: 'DeadlineExceeded',
    message: 'the server answers: not within 20 ms',
    cause: { message: 'connection refused' },
  })
})

test('an abort ends the wait with its reason, between two tries too', async () => {
  const abort = new AbortController()
  const waiting = until(() => false, {
    deadlineMs: 60_000,
    everyMs: 60_000,
    signal: abort.signal,
    what: 'nothing',
  })
  abort.abort(new Error('enough'))
  await expect(waiting).rejects.toThrow('enough')
})
