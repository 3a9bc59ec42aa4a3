import 'reflect-metadata'
import { createPrivateKey, createPublicKey } from 'node:crypto'
import * as x509 from '@peculiar/x509'
import { expect, test } from 'vitest'
import { newKeyWithRequest } from './certificate-request.ts'

x509.cryptoProvider.set(crypto)

test('a request is read and verified by others, and is for the key that came with it', async () => {
  // Signatures vary in length, and with them the encoding.
  for (let n = 0; n < 20; n += 1) {
    const { privateKeyPem, certificateRequestPem } = await newKeyWithRequest()
    const request = new x509.Pkcs10CertificateRequest(certificateRequestPem)
    expect(await request.verify()).toBe(true)
    expect(request.subject).toBe('')
    expect(request.publicKey.algorithm).toMatchObject({ name: 'ECDSA', namedCurve: 'P-256' })
    const own = createPublicKey(createPrivateKey(privateKeyPem))
    const spki = own.export({ type: 'spki', format: 'der' })
    expect(Buffer.from(request.publicKey.rawData).equals(spki)).toBe(true)
  }
})
