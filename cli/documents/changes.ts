import { graphql, type ResultOf } from '../graphql.ts'
import { OperationParts, ProblemParts } from './operations.ts'

/** What every change answers. */
const ChangeParts = graphql(
  `
    fragment ChangeParts on ChangePayload {
      plan {
        verb
        title
        steps {
          key
          title
        }
        problems {
          ...ProblemParts
        }
        warnings {
          ...ProblemParts
        }
      }
      operation {
        ...OperationParts
      }
    }
  `,
  [ProblemParts, OperationParts],
)
export type ChangeShown = ResultOf<typeof ChangeParts>

export const Deploy = graphql(
  `
    mutation Deploy($input: DeployInput!, $planOnly: Boolean!) {
      change: deploy(input: $input, planOnly: $planOnly) {
        ...ChangeParts
      }
    }
  `,
  [ChangeParts],
)

export const Override = graphql(
  `
    mutation Override($input: OverrideInput!, $planOnly: Boolean!) {
      change: override(input: $input, planOnly: $planOnly) {
        ...ChangeParts
      }
    }
  `,
  [ChangeParts],
)

export const Rollback = graphql(
  `
    mutation Rollback($input: RollbackInput!, $planOnly: Boolean!) {
      change: rollback(input: $input, planOnly: $planOnly) {
        ...ChangeParts
      }
    }
  `,
  [ChangeParts],
)

export const Start = graphql(
  `
    mutation Start($input: StartInput!, $planOnly: Boolean!) {
      change: start(input: $input, planOnly: $planOnly) {
        ...ChangeParts
      }
    }
  `,
  [ChangeParts],
)

export const Stop = graphql(
  `
    mutation Stop($input: StopInput!, $planOnly: Boolean!) {
      change: stop(input: $input, planOnly: $planOnly) {
        ...ChangeParts
      }
    }
  `,
  [ChangeParts],
)

export const Restart = graphql(
  `
    mutation Restart($input: RestartInput!, $planOnly: Boolean!) {
      change: restart(input: $input, planOnly: $planOnly) {
        ...ChangeParts
      }
    }
  `,
  [ChangeParts],
)

export const RemoveInstance = graphql(
  `
    mutation RemoveInstance($input: RemoveInstanceInput!, $planOnly: Boolean!) {
      change: removeInstance(input: $input, planOnly: $planOnly) {
        ...ChangeParts
      }
    }
  `,
  [ChangeParts],
)

export const Attach = graphql(
  `
    mutation Attach($input: AttachInput!, $planOnly: Boolean!) {
      change: attach(input: $input, planOnly: $planOnly) {
        ...ChangeParts
      }
    }
  `,
  [ChangeParts],
)

export const Detach = graphql(
  `
    mutation Detach($input: DetachInput!, $planOnly: Boolean!) {
      change: detach(input: $input, planOnly: $planOnly) {
        ...ChangeParts
      }
    }
  `,
  [ChangeParts],
)

export const CreateDatabase = graphql(
  `
    mutation CreateDatabase($input: CreateDatabaseInput!, $planOnly: Boolean!) {
      change: createDatabase(input: $input, planOnly: $planOnly) {
        ...ChangeParts
      }
    }
  `,
  [ChangeParts],
)

export const RemoveDatabase = graphql(
  `
    mutation RemoveDatabase($input: RemoveDatabaseInput!, $planOnly: Boolean!) {
      change: removeDatabase(input: $input, planOnly: $planOnly) {
        ...ChangeParts
      }
    }
  `,
  [ChangeParts],
)

export const RestoreDatabase = graphql(
  `
    mutation RestoreDatabase($input: RestoreDatabaseInput!, $planOnly: Boolean!) {
      change: restoreDatabase(input: $input, planOnly: $planOnly) {
        ...ChangeParts
      }
    }
  `,
  [ChangeParts],
)

export const PurgeDatabase = graphql(
  `
    mutation PurgeDatabase($input: PurgeDatabaseInput!, $planOnly: Boolean!) {
      change: purgeDatabase(input: $input, planOnly: $planOnly) {
        ...ChangeParts
      }
    }
  `,
  [ChangeParts],
)

export const RotateDatabasePassword = graphql(
  `
    mutation RotateDatabasePassword($input: RotateDatabasePasswordInput!, $planOnly: Boolean!) {
      change: rotateDatabasePassword(input: $input, planOnly: $planOnly) {
        ...ChangeParts
      }
    }
  `,
  [ChangeParts],
)

export const CreateVolume = graphql(
  `
    mutation CreateVolume($input: CreateVolumeInput!, $planOnly: Boolean!) {
      change: createVolume(input: $input, planOnly: $planOnly) {
        ...ChangeParts
      }
    }
  `,
  [ChangeParts],
)

export const RemoveVolume = graphql(
  `
    mutation RemoveVolume($input: RemoveVolumeInput!, $planOnly: Boolean!) {
      change: removeVolume(input: $input, planOnly: $planOnly) {
        ...ChangeParts
      }
    }
  `,
  [ChangeParts],
)

export const RestoreVolume = graphql(
  `
    mutation RestoreVolume($input: RestoreVolumeInput!, $planOnly: Boolean!) {
      change: restoreVolume(input: $input, planOnly: $planOnly) {
        ...ChangeParts
      }
    }
  `,
  [ChangeParts],
)

export const PurgeVolume = graphql(
  `
    mutation PurgeVolume($input: PurgeVolumeInput!, $planOnly: Boolean!) {
      change: purgeVolume(input: $input, planOnly: $planOnly) {
        ...ChangeParts
      }
    }
  `,
  [ChangeParts],
)

export const RemoveDomain = graphql(
  `
    mutation RemoveDomain($input: RemoveDomainInput!, $planOnly: Boolean!) {
      change: removeDomain(input: $input, planOnly: $planOnly) {
        ...ChangeParts
      }
    }
  `,
  [ChangeParts],
)

export const SetSecret = graphql(
  `
    mutation SetSecret($input: SetSecretInput!, $planOnly: Boolean!) {
      change: setSecret(input: $input, planOnly: $planOnly) {
        ...ChangeParts
      }
    }
  `,
  [ChangeParts],
)

export const RemoveSecret = graphql(
  `
    mutation RemoveSecret($input: RemoveSecretInput!, $planOnly: Boolean!) {
      change: removeSecret(input: $input, planOnly: $planOnly) {
        ...ChangeParts
      }
    }
  `,
  [ChangeParts],
)

export const SetConfig = graphql(
  `
    mutation SetConfig($input: SetConfigInput!, $planOnly: Boolean!) {
      change: setConfig(input: $input, planOnly: $planOnly) {
        ...ChangeParts
      }
    }
  `,
  [ChangeParts],
)

export const RemoveConfig = graphql(
  `
    mutation RemoveConfig($input: RemoveConfigInput!, $planOnly: Boolean!) {
      change: removeConfig(input: $input, planOnly: $planOnly) {
        ...ChangeParts
      }
    }
  `,
  [ChangeParts],
)

export const AddDevice = graphql(
  `
    mutation AddDevice($input: AddDeviceInput!, $planOnly: Boolean!) {
      change: addDevice(input: $input, planOnly: $planOnly) {
        ...ChangeParts
      }
    }
  `,
  [ChangeParts],
)

export const RemoveDevice = graphql(
  `
    mutation RemoveDevice($input: RemoveDeviceInput!, $planOnly: Boolean!) {
      change: removeDevice(input: $input, planOnly: $planOnly) {
        ...ChangeParts
      }
    }
  `,
  [ChangeParts],
)

export const SetNodeSchedulable = graphql(
  `
    mutation SetNodeSchedulable($input: SetNodeSchedulableInput!, $planOnly: Boolean!) {
      change: setNodeSchedulable(input: $input, planOnly: $planOnly) {
        ...ChangeParts
      }
    }
  `,
  [ChangeParts],
)

export const RemoveNode = graphql(
  `
    mutation RemoveNode($input: RemoveNodeInput!, $planOnly: Boolean!) {
      change: removeNode(input: $input, planOnly: $planOnly) {
        ...ChangeParts
      }
    }
  `,
  [ChangeParts],
)

export const CreateProject = graphql(
  `
    mutation CreateProject($input: CreateProjectInput!, $planOnly: Boolean!) {
      change: createProject(input: $input, planOnly: $planOnly) {
        ...ChangeParts
      }
    }
  `,
  [ChangeParts],
)

export const RemoveProject = graphql(
  `
    mutation RemoveProject($input: RemoveProjectInput!, $planOnly: Boolean!) {
      change: removeProject(input: $input, planOnly: $planOnly) {
        ...ChangeParts
      }
    }
  `,
  [ChangeParts],
)

export const CreateUser = graphql(
  `
    mutation CreateUser($input: CreateUserInput!, $planOnly: Boolean!) {
      change: createUser(input: $input, planOnly: $planOnly) {
        ...ChangeParts
      }
    }
  `,
  [ChangeParts],
)

export const SetUserBlocked = graphql(
  `
    mutation SetUserBlocked($input: SetUserBlockedInput!, $planOnly: Boolean!) {
      change: setUserBlocked(input: $input, planOnly: $planOnly) {
        ...ChangeParts
      }
    }
  `,
  [ChangeParts],
)

export const SetUserPassword = graphql(
  `
    mutation SetUserPassword($input: SetUserPasswordInput!, $planOnly: Boolean!) {
      change: setUserPassword(input: $input, planOnly: $planOnly) {
        ...ChangeParts
      }
    }
  `,
  [ChangeParts],
)

export const RemoveUser = graphql(
  `
    mutation RemoveUser($input: RemoveUserInput!, $planOnly: Boolean!) {
      change: removeUser(input: $input, planOnly: $planOnly) {
        ...ChangeParts
      }
    }
  `,
  [ChangeParts],
)

export const GrantRole = graphql(
  `
    mutation GrantRole($input: GrantRoleInput!, $planOnly: Boolean!) {
      change: grantRole(input: $input, planOnly: $planOnly) {
        ...ChangeParts
      }
    }
  `,
  [ChangeParts],
)

export const RevokeRole = graphql(
  `
    mutation RevokeRole($input: RevokeRoleInput!, $planOnly: Boolean!) {
      change: revokeRole(input: $input, planOnly: $planOnly) {
        ...ChangeParts
      }
    }
  `,
  [ChangeParts],
)

export const RevokeToken = graphql(
  `
    mutation RevokeToken($input: RevokeTokenInput!, $planOnly: Boolean!) {
      change: revokeToken(input: $input, planOnly: $planOnly) {
        ...ChangeParts
      }
    }
  `,
  [ChangeParts],
)
