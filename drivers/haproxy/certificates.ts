import { createHash, createPrivateKey, X509Certificate } from 'node:crypto'
import type { EdgeTable } from '@polis/hal/ingress'
import type { Problem } from '@polis/lib/error'

type TableCertificate = EdgeTable['certificates'][number]

const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----[A-Za-z0-9+/=\s]+-----END \1-----/g
// HAProxy takes a certificate at run time in one buffer of 16 KiB.
const MAX_PEM_BYTES = 15_000

/** Chain and key as one text without blank lines: what HAProxy reads from a file and from its socket alike. */
export function toPem({ certificatePem, privateKeyPem }: TableCertificate): string {
  const blocks = [...blocksOf(certificatePem), ...blocksOf(privateKeyPem)]
  return `${blocks.join('\n')}\n`
}

/** A name that changes with the content, so that HAProxy's list of names tells what it has loaded. */
export function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16)
}

/** What is wrong with the certificates themselves; all InvalidArgument. Expired ones are no problem of the edge. */
export function findCertificateProblems(
  certificates: readonly TableCertificate[],
): readonly Problem[] {
  return certificates.flatMap((certificate, index) => {
    const problem = (field: keyof TableCertificate, message: string): readonly Problem[] => [
      { code: 'InvalidArgument', path: `certificates[${index}].${field}`, message },
    ]
    const chain = blocksOf(certificate.certificatePem).map((block) => parsed(block, toCertificate))
    const [leaf] = chain
    if (leaf === undefined || chain.includes(undefined)) {
      return problem('certificatePem', `'${certificate.name}' is not a PEM certificate chain`)
    }
    const key = parsed(certificate.privateKeyPem, createPrivateKey)
    if (key === undefined) {
      return problem('privateKeyPem', `the key of '${certificate.name}' is not a plain PEM key`)
    }
    if (!leaf.checkPrivateKey(key)) {
      return problem('privateKeyPem', `the key of '${certificate.name}' is of another certificate`)
    }
    if (Buffer.byteLength(toPem(certificate)) > MAX_PEM_BYTES) {
      return problem('certificatePem', `'${certificate.name}' is longer than 15 kB with its key`)
    }
    return []
  })
}

function blocksOf(text: string): readonly string[] {
  return (text.match(BLOCK) ?? []).map((block) => block.replaceAll(/\s*\n\s*/g, '\n'))
}

function toCertificate(text: string): X509Certificate {
  return new X509Certificate(text)
}

function parsed<T>(text: string, parse: (text: string) => T): T | undefined {
  try {
    return parse(text)
  } catch {
    return undefined
  }
}
