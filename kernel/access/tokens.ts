import type { Clock } from '@polis/lib/clock'
import { PolisError } from '@polis/lib/error'
import { newUid } from '@polis/lib/uid'
import type { Token, TokenSpec } from '@polis/resources/token'
import { hashToken, newTokenText } from '../identity/token.ts'
import type { NewToken } from '../kernel.ts'
import type { ObjectChange } from '../objects/change.ts'
import type { ObjectCache } from '../objects/object-cache.ts'
import type { ObjectWriter } from '../objects/object-writer.ts'
import { claimKey } from '../objects/keys.ts'
import type { Store } from '../store/store.ts'

export interface TokensDeps {
  readonly store: Store
  readonly cache: ObjectCache
  readonly writer: ObjectWriter
  readonly clock: Clock
}

export interface TokenRequest {
  readonly purpose: TokenSpec['purpose']
  readonly scope: TokenSpec['scope']
  readonly lifeMs: number
  readonly userUid?: string
  readonly projectUid?: string
  readonly uses?: number
  /** A name people gave; absent: one is made. */
  readonly name?: string
  /** Made from the secret text, such as a join token that carries more. */
  readonly textOf?: (secret: string) => string
}

/** Tokens as objects: only their hash is kept. */
export class Tokens {
  readonly #deps: TokensDeps

  constructor(deps: TokensDeps) {
    this.#deps = deps
  }

  async create(request: TokenRequest): Promise<NewToken> {
    const { writer, clock } = this.#deps
    const secret = newTokenText()
    const uid = newUid()
    const name = request.name ?? `${request.purpose}-${uid.slice(0, 8)}`
    const expiresAt = new Date(clock.now().getTime() + request.lifeMs)
    const { purpose, scope, userUid, projectUid, uses } = request
    const spec: TokenSpec = {
      purpose,
      scope,
      hash: hashToken(secret),
      expiresAt: expiresAt.toISOString(),
      ...(userUid === undefined ? {} : { userUid }),
      ...(projectUid === undefined ? {} : { projectUid }),
      ...(uses === undefined ? {} : { usesLeft: uses }),
    }
    await writer.commit([
      { type: 'create', draft: { kind: 'Token', metadata: { uid, name }, spec } },
    ])
    return { name, text: request.textOf?.(secret) ?? secret, expiresAt }
  }

  /** The valid token behind a text: known, not expired, not revoked, not used up. */
  async find(text: string): Promise<Token | undefined> {
    const token = await this.#lookUp(text)
    if (token === undefined) return undefined
    const isOver =
      Date.parse(token.spec.expiresAt) <= this.#deps.clock.now().getTime() ||
      token.spec.usesLeft === 0
    return isOver ? undefined : token
  }

  /** True for a token of that purpose that was given out and not revoked, though it may be used up or expired. */
  async wasGiven(text: string, purpose: TokenSpec['purpose']): Promise<boolean> {
    return (await this.#lookUp(text))?.spec.purpose === purpose
  }

  /**
   * The change that takes one use of a token of that purpose, to be made together with what the use is for: two that
   * try at once cannot both have the last use. Throws Unauthenticated for a text that is not valid (any more).
   */
  async spend(
    text: string,
    purpose: TokenSpec['purpose'],
  ): Promise<{ readonly token: Token; readonly changes: readonly ObjectChange[] }> {
    const token = await this.find(text)
    if (token === undefined || token.spec.purpose !== purpose) throw invalidToken()
    const { usesLeft } = token.spec
    if (usesLeft === undefined) return { token, changes: [] }
    const spec = { ...token.spec, usesLeft: usesLeft - 1 }
    return { token, changes: [{ type: 'spec', before: token, spec }] }
  }

  /** Takes one use of a token of that purpose. Throws Unauthenticated for a text that is not valid (any more). */
  async use(text: string, purpose: TokenSpec['purpose']): Promise<Token> {
    const { token, changes } = await this.spend(text, purpose)
    try {
      await this.#deps.writer.commit(changes)
    } catch (thrown) {
      if (thrown instanceof PolisError && thrown.code === 'Aborted') throw invalidToken()
      throw thrown
    }
    return token
  }

  async #lookUp(text: string): Promise<Token | undefined> {
    const { store, cache } = this.#deps
    const claim = await store.find(claimKey(`token/${hashToken(text)}`))
    if (typeof claim?.value !== 'string') return undefined
    const token = cache.find('Token', claim.value)
    return token?.metadata.deletionRequestedAt === undefined ? token : undefined
  }
}

/** What every text that is no valid token is answered with. */
export function invalidToken(): PolisError {
  return new PolisError(
    'Unauthenticated',
    'the token is not valid: unknown, expired, used or revoked',
    {
      hint: 'ask for a new one',
    },
  )
}
