import fc from 'fast-check'
import { expect, test } from 'vitest'
import { backoffMs } from './backoff.ts'

test('the delay doubles with each failure, up to the most', () => {
  const random = (): number => 1
  const delays = [1, 2, 3, 4, 5, 6].map((n) => backoffMs(n, { firstMs: 100, maxMs: 1_000, random }))
  expect(delays).toEqual([100, 200, 400, 800, 1_000, 1_000])
})

test('jitter keeps it between half and all of that, however many failures there were', () => {
  const jitter = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
  fc.assert(
    fc.property(fc.nat(5_000), jitter, (failures, random) => {
      const most = backoffMs(failures, { firstMs: 200, maxMs: 30_000, random: () => 1 })
      const delay = backoffMs(failures, { firstMs: 200, maxMs: 30_000, random: () => random })
      expect(delay).toBeGreaterThanOrEqual(Math.floor(most / 2))
      expect(delay).toBeLessThanOrEqual(most)
      expect(most).toBeLessThanOrEqual(30_000)
    }),
  )
})
