import { expect, test } from 'vitest'
import { chooseSubnet, gatewayOf, overlaps, parseSubnet, type Subnet } from './subnets.ts'

function subnet(text: string): Subnet {
  const parsed = parseSubnet(text)
  if (parsed === undefined) throw new Error(text)
  return parsed
}

test.each(['10.0.0.0', '10.0.0.0/0', '10.0.0.0/33', '10.0.0.256/8', '10.0.0.1/24', 'fd00::/8', ''])(
  '%j is no subnet',
  (text) => {
    expect(parseSubnet(text)).toBeUndefined()
  },
)

test('overlap is either way, and neighbours do not', () => {
  expect(overlaps(subnet('10.0.0.0/8'), subnet('10.9.0.0/16'))).toBe(true)
  expect(overlaps(subnet('10.9.0.0/16'), subnet('10.0.0.0/8'))).toBe(true)
  expect(overlaps(subnet('10.0.0.0/24'), subnet('10.0.1.0/24'))).toBe(false)
  expect(overlaps(subnet('192.168.0.0/16'), subnet('192.168.255.255/32'))).toBe(true)
})

test('the gateway is the first address', () => {
  expect(gatewayOf(subnet('172.30.0.0/18'))).toBe('172.30.0.1')
  expect(gatewayOf(subnet('192.168.255.0/24'))).toBe('192.168.255.1')
})

test('every network of a pool is found before it has run out, whatever the seed', () => {
  const pool = subnet('10.0.0.0/22')
  const taken: Subnet[] = [subnet('10.0.2.128/25')]
  const chosen: string[] = []
  for (;;) {
    const next = chooseSubnet(pool, taken, 4_000_000_007)
    if (next === undefined) break
    chosen.push(next)
    taken.push(subnet(next))
  }
  expect(chosen.toSorted()).toEqual(['10.0.0.0/24', '10.0.1.0/24', '10.0.3.0/24'])
})
