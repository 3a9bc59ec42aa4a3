import type { Role, RoleBinding } from '@polis/resources/role-binding'
import { ROLES } from '@polis/resources/role-binding'
import type { Token } from '@polis/resources/token'
import type { User } from '@polis/resources/user'
import type { Actor } from '../kernel.ts'
import type { ObjectReader } from '../objects/object-cache.ts'

/** A user behind a token. Rights are looked up at each question, so that a change of them holds at once. */
export function actorOf(reader: ObjectReader, user: User, token: Token | undefined): Actor {
  const bindings = (): readonly RoleBinding[] =>
    reader
      .list('RoleBinding')
      .filter(
        ({ spec, metadata }) =>
          spec.userUid === user.metadata.uid && metadata.deletionRequestedAt === undefined,
      )
  const roleIn = (projectUid: string | undefined): Role | undefined => {
    if (!isStillIn(reader, user.metadata.uid, token?.metadata.uid)) return undefined
    const isOutside = token?.spec.projectUid !== undefined && token.spec.projectUid !== projectUid
    if (isOutside) return undefined
    const roles = bindings()
      .filter(({ spec }) => spec.projectUid === undefined || spec.projectUid === projectUid)
      .map(({ spec }) => spec.role)
    return weaker(strongest(roles), token?.spec.scope)
  }
  return {
    userUid: user.metadata.uid,
    name: user.metadata.name,
    tokenUid: token?.metadata.uid,
    roleIn,
    get hasAnyRole() {
      return bindings().some(
        ({ spec }) => roleIn(spec.projectUid ?? token?.spec.projectUid) !== undefined,
      )
    },
  }
}

/** Polis itself, at work for nobody in particular. */
export function systemActor(name: string): Actor {
  return {
    userUid: undefined,
    name,
    tokenUid: undefined,
    roleIn: () => 'administrator',
    hasAnyRole: true,
  }
}

/** Whether user and token still let somebody in. */
function isStillIn(reader: ObjectReader, userUid: string, tokenUid: string | undefined): boolean {
  const user = reader.find('User', userUid)
  const isUser =
    user !== undefined && !user.spec.isBlocked && user.metadata.deletionRequestedAt === undefined
  if (!isUser || tokenUid === undefined) return isUser
  const token = reader.find('Token', tokenUid)
  return token !== undefined && token.metadata.deletionRequestedAt === undefined
}

function strongest(roles: readonly Role[]): Role | undefined {
  return ROLES.find((role) => roles.includes(role))
}

function weaker(role: Role | undefined, scope: Role | undefined): Role | undefined {
  if (role === undefined || scope === undefined) return role
  return ROLES.indexOf(role) >= ROLES.indexOf(scope) ? role : scope
}
