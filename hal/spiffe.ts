/** Who holds a certificate of Polis' own CA, as its one URI name says (https://spiffe.io/docs/latest/spiffe-about/spiffe-concepts/). */
export type SpiffeIdentity =
  | { readonly type: 'server' }
  | { readonly type: 'node'; readonly uid: string }
  | { readonly type: 'device'; readonly uid: string }

/** The trust domain is the installation: its certificates mean nothing elsewhere. */
export function toSpiffeId(installationUid: string, identity: SpiffeIdentity): string {
  const path = identity.type === 'server' ? identity.type : `${identity.type}/${identity.uid}`
  return `spiffe://${installationUid}/${path}`
}

const SPIFFE_ID =
  /^spiffe:\/\/(?<installationUid>[a-z0-9._-]+)\/(?:(?<server>server)|(?<type>node|device)\/(?<uid>[A-Za-z0-9._-]+))$/

/** What `text` names; undefined for anything that `toSpiffeId` does not make. */
export function parseSpiffeId(
  text: string,
): { readonly installationUid: string; readonly identity: SpiffeIdentity } | undefined {
  const parts = SPIFFE_ID.exec(text)?.groups
  const installationUid = parts?.['installationUid']
  if (parts === undefined || installationUid === undefined) return undefined
  const { type, uid } = parts
  if (parts['server'] !== undefined) return { installationUid, identity: { type: 'server' } }
  if (uid === undefined) return undefined
  if (type === 'node' || type === 'device') return { installationUid, identity: { type, uid } }
  return undefined
}
