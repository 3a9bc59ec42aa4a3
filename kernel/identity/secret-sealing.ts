import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { PolisError } from '@polis/lib/error'

/** A key that seals secrets. It lies outside the store and its backups. */
export interface SealingKey {
  /** Names the key in what it sealed, so that older ones can still be opened after a rotation. */
  readonly id: string
  /** 32 bytes. */
  readonly bytes: Uint8Array
}

const ALGORITHM = 'aes-256-gcm'
const NONCE_BYTES = 12
const TAG_BYTES = 16

/**
 * Seals secrets for the store: AES-256-GCM under the newest key, bound to the object they belong to, so that a
 * sealed value copied to another object does not open.
 */
export class SecretSealer {
  readonly #keys: ReadonlyMap<string, Uint8Array>
  readonly #newest: SealingKey

  /** The first key seals; all of them open. Throws InvalidArgument for a key that is not 32 bytes long. */
  constructor(keys: readonly [SealingKey, ...SealingKey[]]) {
    for (const { id, bytes } of keys) {
      if (bytes.length !== 32)
        throw new PolisError('InvalidArgument', `sealing key ${id} must have 32 bytes`)
    }
    this.#keys = new Map(keys.map(({ id, bytes }) => [id, bytes]))
    this.#newest = keys[0]
  }

  /** `plain` as text for the store: `key id.nonce.ciphertext`, differing each time. */
  seal(plain: string, objectUid: string): string {
    const nonce = randomBytes(NONCE_BYTES)
    const cipher = createCipheriv(ALGORITHM, this.#newest.bytes, nonce)
    cipher.setAAD(Buffer.from(objectUid))
    const sealed = Buffer.concat([
      cipher.update(plain, 'utf8'),
      cipher.final(),
      cipher.getAuthTag(),
    ])
    return [this.#newest.id, nonce.toString('base64url'), sealed.toString('base64url')].join('.')
  }

  /** Throws FailedPrecondition when the key is not here, or the text was sealed for another object or changed. */
  unseal(text: string, objectUid: string): string {
    const [id = '', nonce = '', body = ''] = text.split('.')
    const key = this.#keys.get(id)
    if (key === undefined) {
      throw new PolisError(
        'FailedPrecondition',
        'a secret was sealed under a key that is not here',
        {
          hint: 'put back the key file that belonged to this installation',
        },
      )
    }
    try {
      const sealed = Buffer.from(body, 'base64url')
      const decipher = createDecipheriv(ALGORITHM, key, Buffer.from(nonce, 'base64url'))
      decipher.setAAD(Buffer.from(objectUid))
      decipher.setAuthTag(sealed.subarray(-TAG_BYTES))
      return Buffer.concat([
        decipher.update(sealed.subarray(0, -TAG_BYTES)),
        decipher.final(),
      ]).toString('utf8')
    } catch (cause) {
      throw new PolisError(
        'FailedPrecondition',
        'a secret does not open: it was changed or belongs elsewhere',
        { cause },
      )
    }
  }

  /** True when the text is not sealed under the newest key: seal it again to finish a rotation. */
  isOutdated(text: string): boolean {
    return !text.startsWith(`${this.#newest.id}.`)
  }

  /** A password nobody has to type: 32 characters, 190 random bits, safe in a URI. */
  newPassword(): string {
    return randomBytes(24).toString('base64url')
  }
}
