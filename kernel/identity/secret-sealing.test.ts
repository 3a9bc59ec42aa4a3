import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { SecretSealer } from './secret-sealing.ts'

const newKey = (id: string) => ({ id, bytes: randomBytes(32) })
const [first, second] = [newKey('k1'), newKey('k2')]

test('what was sealed for an object opens for it, each time sealed differently', () => {
  const sealer = new SecretSealer([first])
  const sealed = sealer.seal('pässword', 'object-1')
  expect(sealed).not.toBe(sealer.seal('pässword', 'object-1'))
  expect(Buffer.from(sealed, 'base64url').toString('latin1')).not.toContain('ssword')
  expect(sealer.unseal(sealed, 'object-1')).toBe('pässword')
  expect(sealer.unseal(sealer.seal('', 'object-1'), 'object-1')).toBe('')
})

test('it opens for no other object', () => {
  const sealer = new SecretSealer([first])
  const sealed = sealer.seal('secret', 'object-1')
  expect(() => sealer.unseal(sealed, 'object-2')).toThrow(/belongs elsewhere/)
})

test('every changed character is noticed', () => {
  const sealer = new SecretSealer([first])
  const sealed = sealer.seal('secret', 'o')
  for (let at = 0; at < sealed.length; at += 1) {
    const other = sealed[at] === 'A' ? 'B' : 'A'
    const changed = sealed.slice(0, at) + other + sealed.slice(at + 1)
    // The last character of base64url may carry unused bits.
    if (
      Buffer.from(changed.split('.')[2] ?? '', 'base64url').equals(
        Buffer.from(sealed.split('.')[2] ?? '', 'base64url'),
      ) &&
      at > sealed.lastIndexOf('.')
    )
      continue
    expect(() => sealer.unseal(changed, 'o')).toThrow('a secret')
  }
})

test.each(['', 'k1', 'k1.', 'k1.AAAA.AAAA', 'k1..', '...'])('%j is refused', (text) => {
  const error = { code: 'FailedPrecondition' }
  expect(() => new SecretSealer([first]).unseal(text, 'o')).toThrow(expect.objectContaining(error))
})

test('after a rotation the old key still opens, and what it sealed is known to be outdated', () => {
  const sealed = new SecretSealer([first]).seal('secret', 'o')
  const rotated = new SecretSealer([second, first])
  expect(rotated.unseal(sealed, 'o')).toBe('secret')
  expect(rotated.isOutdated(sealed)).toBe(true)
  const again = rotated.seal(rotated.unseal(sealed, 'o'), 'o')
  expect(rotated.isOutdated(again)).toBe(false)
  expect(new SecretSealer([second]).unseal(again, 'o')).toBe('secret')
  expect(() => new SecretSealer([second]).unseal(sealed, 'o')).toThrow(/key that is not here/)
})

test('a key of another length is refused', () => {
  expect(() => new SecretSealer([{ id: 'k', bytes: randomBytes(16) }])).toThrow(/32 bytes/)
})
