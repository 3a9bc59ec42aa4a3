import type { Actor, Kernel } from '@polis/kernel/kernel'
import { PolisError } from '@polis/lib/error'

/** Who a request comes from. */
export interface Caller {
  /** Undefined: nobody is signed in. */
  readonly actor: Actor | undefined
  readonly tokenText: string | undefined
  /** True: the browser sent a cookie that no longer holds. */
  readonly hasStaleCookie: boolean
}

export interface Credentials {
  readonly authorization: string | undefined
  readonly cookie: string | undefined
  /** Whether the request can change something. */
  readonly isWrite: boolean
  /** `Origin`, `Host` and the header that only Polis' own clients send. */
  readonly origin: string | undefined
  readonly host: string | undefined
  readonly client: string | undefined
}

const BEARER = /^Bearer (?<token>[A-Za-z0-9._~+/=-]{1,512})$/

/**
 * Looks at a token first and at the session's cookie then. A token that does not hold throws Unauthenticated, a
 * stale cookie is nobody. A cookie is believed for a write only when the page it comes from is Polis' own
 * (PermissionDenied): other pages cannot send the header, nor fake `Origin`.
 */
export async function authenticate(kernel: Kernel, credentials: Credentials): Promise<Caller> {
  const { authorization, cookie } = credentials
  if (authorization !== undefined) {
    const tokenText = BEARER.exec(authorization)?.groups?.['token']
    const actor = tokenText === undefined ? undefined : await kernel.authenticate(tokenText)
    if (actor !== undefined) return { actor, tokenText, hasStaleCookie: false }
    throw new PolisError('Unauthenticated', 'the token is unknown, expired or revoked', {
      hint: 'sign in again: `polis sign-in`',
    })
  }
  if (cookie === undefined) return NOBODY
  const actor = await kernel.authenticate(cookie)
  if (actor === undefined) return { ...NOBODY, hasStaleCookie: true }
  if (credentials.isWrite && !isOwnPage(credentials)) {
    throw new PolisError('PermissionDenied', 'the request comes from a page of another site')
  }
  return { actor, tokenText: cookie, hasStaleCookie: false }
}

const NOBODY: Caller = { actor: undefined, tokenText: undefined, hasStaleCookie: false }

function isOwnPage({ origin, host, client }: Credentials): boolean {
  if (client !== undefined) return true
  return origin !== undefined && host !== undefined && URL.parse(origin)?.host === host
}
