import { describe, expect, test } from 'vitest'
import { formatJoinToken, parseJoinToken } from './join-token.ts'
import { parseSpiffeId, toSpiffeId } from './spiffe.ts'

describe('join token', () => {
  const token = { caDigest: 'ab'.repeat(32), secret: 'polis_AAAA-BBBB_CCCCDDDD' }

  test('reads back what it was made of, also with a line break from copying', () => {
    expect(parseJoinToken(formatJoinToken(token))).toEqual(token)
    expect(parseJoinToken(` ${formatJoinToken(token)}\n`)).toEqual(token)
  })

  test.each(['', 'polis_abc', formatJoinToken(token).slice(0, 70), `${formatJoinToken(token)}!`])(
    '%j is refused without being repeated',
    (text) => {
      expect(() => parseJoinToken(text)).toThrow('this is not a join token')
    },
  )
})

describe('SPIFFE id', () => {
  test.each([
    [{ type: 'server' }, 'spiffe://abc/server'],
    [{ type: 'node', uid: 'n1' }, 'spiffe://abc/node/n1'],
    [{ type: 'device', uid: 'd1' }, 'spiffe://abc/device/d1'],
  ] as const)('%j is %s and back', (identity, text) => {
    expect(toSpiffeId('abc', identity)).toBe(text)
    expect(parseSpiffeId(text)).toEqual({ installationUid: 'abc', identity })
  })

  test.each([
    '',
    'spiffe://abc',
    'spiffe://abc/node',
    'spiffe://abc/node/',
    'spiffe://abc/server/n1',
    'spiffe://abc/node/n1/x',
    'spiffe://abc/root/n1',
    'https://abc/server',
    'spiffe:///server',
    'spiffe://abc/node/n1, URI:spiffe://abc/server',
  ])('%j names nobody', (text) => {
    expect(parseSpiffeId(text)).toBeUndefined()
  })
})
