import type { Clock } from '@polis/lib/clock'
import { PolisError } from '@polis/lib/error'
import type { User } from '@polis/resources/user'
import { hashPassword, verifyPassword } from '../identity/password.ts'
import type { Actor, SignedIn } from '../kernel.ts'
import type { Journal } from '../journal/journal.ts'
import type { ObjectCache } from '../objects/object-cache.ts'
import type { ObjectWriter } from '../objects/object-writer.ts'
import { actorOf } from './actor.ts'
import { Throttle } from './throttle.ts'
import type { Tokens } from './tokens.ts'

const SESSION_MS = 12 * 3_600_000

export interface SignInDeps {
  readonly cache: ObjectCache
  readonly writer: ObjectWriter
  readonly journal: Journal
  readonly clock: Clock
  readonly tokens: Tokens
}

/** Lets people and programs in, and out again. */
export class SignIn {
  readonly #deps: SignInDeps
  readonly #throttle: Throttle
  #decoy: Promise<string> | undefined

  constructor(deps: SignInDeps) {
    this.#deps = deps
    this.#throttle = new Throttle(deps.clock)
  }

  async authenticate(text: string): Promise<Actor | undefined> {
    const { cache, tokens } = this.#deps
    const token = await tokens.find(text)
    const user = cache.find('User', token?.spec.userUid)
    const isForRequests = token?.spec.purpose === 'session' || token?.spec.purpose === 'api'
    if (token === undefined || !isForRequests || user === undefined || user.spec.isBlocked)
      return undefined
    return actorOf(cache, user, token)
  }

  async byPassword(name: string, password: string, address: string): Promise<SignedIn> {
    const keys = [`name/${name}`, `address/${address}`]
    for (const key of keys) this.#throttle.take(key)
    const user = this.#deps.cache.findByName('User', undefined, name)
    // The same work for names that do not exist, so that time does not tell which do.
    const hash = user?.spec.passwordHash ?? (await this.#decoyHash())
    const isRight = await verifyPassword(password, hash)
    if (!isRight || user?.spec.passwordHash === undefined || user.spec.isBlocked) {
      await this.#audit(
        'audit.sign-in.refused',
        'warning',
        `sign-in as ${name.slice(0, 64)} refused`,
        name.slice(0, 64),
        address,
      )
      throw new PolisError('Unauthenticated', 'name or password is wrong')
    }
    for (const key of keys) this.#throttle.clear(key)
    return await this.#openSession(user, address)
  }

  async byLink(text: string, address: string): Promise<SignedIn> {
    this.#throttle.take(`link/${address}`)
    const token = await this.#deps.tokens.use(text, 'sign-in')
    this.#throttle.clear(`link/${address}`)
    const user = this.#deps.cache.find('User', token.spec.userUid)
    if (user === undefined || user.spec.isBlocked)
      throw new PolisError('Unauthenticated', 'its user is gone or blocked')
    return await this.#openSession(user, address)
  }

  async out(actor: Actor, everywhere: boolean): Promise<void> {
    const { cache, writer } = this.#deps
    const sessions = cache
      .list('Token')
      .filter(({ spec, metadata }) =>
        everywhere
          ? spec.purpose === 'session' && spec.userUid === actor.userUid
          : metadata.uid === actor.tokenUid,
      )
    for (const { metadata } of sessions) {
      await writer.amend('Token', metadata.uid, (before) => ({ type: 'requestDeletion', before }))
    }
  }

  async #openSession(user: User, address: string): Promise<SignedIn> {
    const { tokens } = this.#deps
    const token = await tokens.create({
      purpose: 'session',
      scope: 'administrator',
      userUid: user.metadata.uid,
      lifeMs: SESSION_MS,
    })
    const { name } = user.metadata
    await this.#audit('audit.sign-in', 'info', `${name} signed in`, name, address)
    return { sessionToken: token.text, expiresAt: token.expiresAt }
  }

  async #audit(
    type: string,
    level: 'info' | 'warning',
    message: string,
    actor: string,
    address: string,
  ): Promise<void> {
    const { journal, clock } = this.#deps
    await journal.append([{ at: clock.now(), type, level, message, actor, fields: { address } }])
  }

  #decoyHash(): Promise<string> {
    this.#decoy ??= hashPassword('a password nobody has')
    return this.#decoy
  }
}
