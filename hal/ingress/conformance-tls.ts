import { until } from '@polis/lib/until'
import { describe, expect, test } from 'vitest'
import type { EdgeTable } from './class.ts'
import {
  httpRoute,
  type OpenIngress,
  openSubject,
  refusedWith,
  signal,
  tableOf,
} from './conformance-subject.ts'

export function ingressTlsConformance(open: OpenIngress): void {
  describe('certificates', () => {
    test('come, are renewed and go without a reload; a host without one has no TLS', async () => {
      const { ingress, world } = await openSubject(open)
      const one = await world.startServer('one')
      const first = await world.makeCertificate(['a.test'])
      const renewed = await world.makeCertificate(['a.test'])
      const applied = async (name: string | undefined, certificates: EdgeTable['certificates']) =>
        (
          await ingress.applyTable(
            tableOf({ http: [httpRoute('a.test', [one], name)], certificates }),
            signal(),
          )
        ).by
      await applied(undefined, [])
      expect(await world.shownCertificate('a.test')).toBeUndefined()
      expect(await applied('a', [{ name: 'a', ...first }])).toBe('runtime')
      expect(await world.get({ host: 'a.test', isTls: true })).toEqual({
        status: 200,
        server: 'one',
      })
      expect(
        await ingress.probe({ host: 'a.test', path: '/', isTls: true }, signal()),
      ).toMatchObject({ status: 200, isFromEndpoint: true })
      expect(await world.shownCertificate('b.test')).toBeUndefined()
      expect(await world.shownCertificate('a.test')).toBe(world.fingerprintOf(first.certificatePem))
      expect(await applied('a', [{ name: 'a', ...renewed }])).toBe('runtime')
      expect(await world.shownCertificate('a.test')).toBe(
        world.fingerprintOf(renewed.certificatePem),
      )
      expect(await applied(undefined, [])).toBe('runtime')
      expect(await world.shownCertificate('a.test')).toBeUndefined()
    })

    test('a broken one is refused and the old table holds', async () => {
      const { ingress, world } = await openSubject(open)
      const [one, two] = [await world.startServer('one'), await world.startServer('two')]
      const good = { name: 'a', ...(await world.makeCertificate(['a.test'])) }
      const table = tableOf({ http: [httpRoute('a.test', [one], 'a')], certificates: [good] })
      await ingress.applyTable(table, signal())
      const broken = { ...good, certificatePem: 'nonsense' }
      const error = await refusedWith(
        ingress.applyTable(
          tableOf({ http: [httpRoute('a.test', [two], 'a')], certificates: [broken] }),
          signal(),
        ),
      )
      expect(error).toMatchObject({
        code: 'InvalidArgument',
        path: 'certificates[0].certificatePem',
      })
      expect((await world.get({ host: 'a.test', isTls: true })).server).toBe('one')
      await until(async () => (await world.get({ host: 'a.test' })).server === 'one', {
        deadlineMs: 1_000,
        what: 'the old table',
      })
    })
  })
}
