import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { KeyedSerial } from './keyed-serial.ts'

test('work of one key runs in order, one at a time; other keys do not wait', async () => {
  const serial = new KeyedSerial()
  const log: string[] = []
  const work = (name: string) => async (): Promise<void> => {
    log.push(`${name} begins`)
    await setImmediate()
    log.push(`${name} ends`)
  }
  await Promise.all([
    serial.run('a', work('a1')),
    serial.run('a', work('a2')),
    serial.run('b', work('b1')),
  ])
  expect(log.filter((line) => line.startsWith('a'))).toEqual([
    'a1 begins',
    'a1 ends',
    'a2 begins',
    'a2 ends',
  ])
  expect(log.indexOf('b1 begins')).toBeLessThan(log.indexOf('a1 ends'))
})

test('who fails tells its caller, and the next one runs all the same', async () => {
  const serial = new KeyedSerial()
  const failing = serial.run('a', () => Promise.reject(new Error('no')))
  let hasRun = false
  const next = serial.run('a', async () => {
    hasRun = true
  })
  await expect(failing).rejects.toThrow('no')
  await next
  expect(hasRun).toBe(true)
})
