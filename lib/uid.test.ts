import { expect, test } from 'vitest'
import { isDnsLabel } from './names.ts'
import { isUid, newUid } from './uid.ts'

test('uids are 20 letters and digits that may stand in a host name, and do not repeat', () => {
  const uids = Array.from({ length: 5_000 }, () => newUid())
  expect(new Set(uids).size).toBe(uids.length)
  for (const uid of uids) expect([uid, isUid(uid), isDnsLabel(uid)]).toEqual([uid, true, true])
})

test('every character of the alphabet comes about equally often', () => {
  const counts = new Map<string, number>()
  for (let n = 0; n < 3_200; n += 1) {
    for (const character of newUid()) counts.set(character, (counts.get(character) ?? 0) + 1)
  }
  expect(counts.size).toBe(32)
  // 2,000 expected of each; ten standard deviations aside.
  for (const count of counts.values()) expect(Math.abs(count - 2_000)).toBeLessThan(450)
})

test.each(['', 'short', 'A'.repeat(20), '1'.repeat(20), `${'a'.repeat(20)}\n`, 'a'.repeat(21)])(
  '%j is no uid',
  (text) => {
    expect(isUid(text)).toBe(false)
  },
)
