/** Where things stand in the store. Documented in docs/design/store.md. */

export const OBJECT_PREFIX = 'object/'

export function objectKey(uid: string): string {
  return `${OBJECT_PREFIX}${uid}`
}

/** Makes a name unique among objects of one kind in one project. */
export function nameKey(kind: string, projectUid: string | undefined, name: string): string {
  return `name/${kind}/${projectUid ?? '-'}/${name}`
}

/** Makes a claim (a domain, a port) belong to one object only. */
export function claimKey(claim: string): string {
  return `claim/${claim}`
}

/** Says that `sourceUid` keeps `targetUid` from being removed. */
export function guardKey(targetUid: string, sourceUid: string): string {
  return `guard/${targetUid}/${sourceUid}`
}

export function guardPrefix(targetUid: string): string {
  return `guard/${targetUid}/`
}
