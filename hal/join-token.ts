import { PolisError } from '@polis/lib/error'

/** What `polis node join` is given: enough to know the right server before anything is said to it. */
export interface JoinToken {
  /** Proves to the kernel that this node was asked to join. */
  readonly secret: string
  /** SHA-256 of the certificate of Polis' CA (DER), hexadecimal. */
  readonly caDigest: string
}

/** One word of letters, digits, `_` and `-`. */
export function formatJoinToken({ secret, caDigest }: JoinToken): string {
  return `polisjoin_${caDigest}_${secret}`
}

const JOIN_TOKEN = /^polisjoin_(?<caDigest>[0-9a-f]{64})_(?<secret>[A-Za-z0-9_-]{16,200})$/

/** Throws InvalidArgument, without repeating the text, for what is no join token. */
export function parseJoinToken(text: string): JoinToken {
  const { caDigest, secret } = JOIN_TOKEN.exec(text.trim())?.groups ?? {}
  if (caDigest === undefined || secret === undefined) {
    throw new PolisError('InvalidArgument', 'this is not a join token', {
      path: 'joinToken',
      hint: 'copy all of what `polis node join-token` printed',
    })
  }
  return { caDigest, secret }
}
