import type { SignedIn } from '@polis/kernel/kernel'

/**
 * Cookies know no ports: two installations on one host would sign each other's users out, so each has a name of its
 * own.
 */
export function cookieName(installationUid: string): string {
  return `polis-session-${installationUid}`
}

/** The header that opens a session in a browser; without one, the header that ends it. */
export function sessionCookie(
  name: string,
  session: SignedIn | undefined,
  isEncrypted: boolean,
): string {
  const attributes = `Path=/; HttpOnly; SameSite=Strict${isEncrypted ? '; Secure' : ''}`
  return session === undefined
    ? `${name}=; ${attributes}; Max-Age=0`
    : `${name}=${session.sessionToken}; ${attributes}; Expires=${session.expiresAt.toUTCString()}`
}
