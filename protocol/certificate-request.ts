// PKCS #10 written out (RFC 2986): a request for a key and nothing else is thirty lines, and the library that could do
// it costs every agent 12 MB of memory.
import { generateKeyPair, sign } from 'node:crypto'
import { promisify } from 'node:util'
import { z } from 'zod'

export const NewKey = z.object({
  /** PKCS #8. Never leaves the node. */
  privateKeyPem: z.string(),
  /** PKCS #10 for that key, without a name: the kernel decides whose it is. */
  certificateRequestPem: z.string(),
})
export type NewKey = Readonly<z.infer<typeof NewKey>>

const newKeyPair = promisify(generateKeyPair)

const SEQUENCE = 0x30
const VERSION_1 = Buffer.from([0x02, 0x01, 0x00])
const NO_NAME = der(SEQUENCE)
const NO_ATTRIBUTES = der(0xa0)
// ecdsa-with-SHA256, 1.2.840.10045.4.3.2
const ECDSA_SHA256 = der(SEQUENCE, Buffer.from('06082a8648ce3d040302', 'hex'))
const NO_UNUSED_BITS = Buffer.from([0])

/** A new P-256 key and the request for its certificate. */
export async function newKeyWithRequest(): Promise<NewKey> {
  const { publicKey, privateKey } = await newKeyPair('ec', { namedCurve: 'P-256' })
  const spki = publicKey.export({ type: 'spki', format: 'der' })
  const body = der(SEQUENCE, VERSION_1, NO_NAME, spki, NO_ATTRIBUTES)
  const signature = sign('sha256', body, privateKey)
  const request = der(SEQUENCE, body, ECDSA_SHA256, der(0x03, NO_UNUSED_BITS, signature))
  return {
    privateKeyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    certificateRequestPem: toPem('CERTIFICATE REQUEST', request),
  }
}

/** One DER value: tag, length, content. */
function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts)
  const { length } = content
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), content])
  const bytes = length < 0x100 ? [length] : [length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, 0x80 | bytes.length, ...bytes]), content])
}

function toPem(label: string, bytes: Buffer): string {
  const lines = bytes.toString('base64').replaceAll(/.{64}/g, '$&\n').trimEnd()
  return `-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`
}
