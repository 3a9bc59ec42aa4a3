import { describe, expect, test } from 'vitest'
import { ingressHttpConformance } from './conformance-http.ts'
import { ingressTableSequences } from './conformance-sequences.ts'
import { httpRoute, type OpenIngress, openSubject, signal, tableOf } from './conformance-subject.ts'
import { ingressTcpConformance } from './conformance-tcp.ts'
import { ingressTlsConformance } from './conformance-tls.ts'

/** The contract of the class `ingress`: call it in a test file, with what opens a fresh subject. */
export function ingressConformance(open: OpenIngress): void {
  describe('a device', () => {
    test('is ready once ensured, as often as asked, and says its ports', async () => {
      const { ingress } = await openSubject(open)
      const again = await ingress.ensureDevice({}, signal())
      const observed = await ingress.observeDevice({}, signal())
      expect(again.facts['httpPort']).toMatch(/^\d+$/)
      expect(again.facts['httpsPort']).toMatch(/^\d+$/)
      expect(observed).toEqual(again)
    })

    test('answers nothing once removed, and can come back', async () => {
      const { ingress, world } = await openSubject(open)
      const server = await world.startServer('one')
      const table = tableOf({ http: [httpRoute('a.test', [server])] })
      await ingress.applyTable(table, signal())
      await ingress.removeDevice({}, signal())
      await ingress.removeDevice({}, signal())
      expect((await world.get({ host: 'a.test' })).server).toBeUndefined()
      await ingress.ensureDevice({}, signal())
      expect((await world.get({ host: 'a.test' })).server).toBeUndefined()
      await ingress.applyTable(table, signal())
      expect(await world.get({ host: 'a.test' })).toEqual({ status: 200, server: 'one' })
    })
  })
  ingressHttpConformance(open)
  ingressTlsConformance(open)
  ingressTcpConformance(open)
  ingressTableSequences(open)
}
