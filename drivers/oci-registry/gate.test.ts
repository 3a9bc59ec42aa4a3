import { setImmediate as tick } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Gate } from './gate.ts'

const signal = AbortSignal.timeout(5_000)

test('many work together, one works alone, each in its turn', async () => {
  const gate = new Gate()
  const events: string[] = []
  const finish = new Map<string, () => void>()
  const work = (name: string) => async (): Promise<void> => {
    events.push(`+${name}`)
    await new Promise<void>((resolve) => finish.set(name, resolve))
    events.push(`-${name}`)
  }
  const ended = [
    gate.together(work('a'), signal),
    gate.together(work('b'), signal),
    gate.alone(work('c'), signal),
    gate.together(work('d'), signal),
  ]
  await tick()
  expect(events).toEqual(['+a', '+b'])
  finish.get('a')?.()
  await tick()
  expect(events).toEqual(['+a', '+b', '-a'])
  finish.get('b')?.()
  await tick()
  expect(events.at(-1)).toBe('+c')
  finish.get('c')?.()
  await tick()
  expect(events.at(-1)).toBe('+d')
  finish.get('d')?.()
  await Promise.all(ended)
})

test('one who fails, or is cancelled while waiting, does not keep the gate shut', async () => {
  const gate = new Gate()
  const failing = gate.alone(() => Promise.reject(new Error('no')), signal)
  const cancelled = gate.alone(async () => 'never', AbortSignal.abort())
  await expect(failing).rejects.toThrow('no')
  await expect(cancelled).rejects.toMatchObject({ name: 'AbortError' })
  expect(await gate.together(async () => 1, signal)).toBe(1)
})
