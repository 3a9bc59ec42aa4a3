import { readCompose } from '@polis/compose/read-compose'
import type { ChangeRequest } from '../operations/request.ts'
import type { Decision, PlanContext } from './decision.ts'
import { planAttach, planDetach } from './plan-attach.ts'
import {
  planBin,
  planCreateDatabase,
  planCreateVolume,
  planPurge,
  planRemoveRecord,
  planRestore,
  planRotatePassword,
  planSetConfig,
  planSetSecret,
} from './plan-data.ts'
import { planDeploy } from './plan-deploy.ts'
import {
  planAddDevice,
  planCreateProject,
  planCreateUser,
  planGrantRole,
  planNodeSchedulable,
  planRemoveDevice,
  planRemoveNode,
  planRemoveProject,
  planRemoveUser,
  planRevokeRole,
  planRevokeToken,
  planSetUserBlocked,
  planSetUserPassword,
} from './plan-installation.ts'
import {
  planOverride,
  planRemoveInstance,
  planRestart,
  planRollback,
  planStartStop,
} from './plan-instance.ts'

/**
 * What a request comes to. Pure but for new uids, passwords and seals. Throws, with code, path and hint, for a
 * request that names what is not there or cannot be read; conflicts are listed in `problems`, all at once.
 * `passwordHash` stands for the password of a request that has one.
 */
export function planRequest(
  request: ChangeRequest,
  context: PlanContext,
  passwordHash: string | undefined,
): Decision {
  switch (request.type) {
    case 'deploy':
      return planDeploy(request, context)
    case 'override':
      return planOverride(request, context)
    case 'rollback':
      return planRollback(request, context)
    case 'start':
    case 'stop':
      return planStartStop(request, context)
    case 'restart':
      return planRestart(request, context)
    case 'removeInstance':
      return planRemoveInstance(request, context)
    case 'attach':
      return planAttach(request, context)
    case 'detach':
      return planDetach(request, context)
    case 'createDatabase':
      return planCreateDatabase(request, context)
    case 'createVolume':
      return planCreateVolume(request, context)
    case 'removeDatabase':
    case 'removeVolume':
      return planBin(request, context)
    case 'restoreDatabase':
    case 'restoreVolume':
      return planRestore(request, context)
    case 'purgeDatabase':
    case 'purgeVolume':
      return planPurge(request, context)
    case 'rotateDatabasePassword':
      return planRotatePassword(request, context)
    case 'setSecret':
      return planSetSecret(request, context)
    case 'setConfig':
      return planSetConfig(request, context)
    case 'removeSecret':
    case 'removeConfig':
    case 'removeDomain':
      return planRemoveRecord(request, context)
    case 'addDevice':
      return planAddDevice(request, context)
    case 'removeDevice':
      return planRemoveDevice(request, context)
    case 'setNodeSchedulable':
      return planNodeSchedulable(request, context)
    case 'removeNode':
      return planRemoveNode(request, context)
    case 'createProject':
      return planCreateProject(request, context)
    case 'removeProject':
      return planRemoveProject(request, context)
    case 'createUser':
      return planCreateUser(request, context, passwordHash)
    case 'setUserBlocked':
      return planSetUserBlocked(request, context)
    case 'setUserPassword':
      return planSetUserPassword(request, context, passwordHash ?? '')
    case 'removeUser':
      return planRemoveUser(request, context)
    case 'grantRole':
      return planGrantRole(request, context)
    case 'revokeRole':
      return planRevokeRole(request, context)
    case 'revokeToken':
      return planRevokeToken(request, context)
  }
}

/** Ports of the node that a request names itself: whether a foreign process has them is asked before deciding. */
export function portsNamedBy(
  request: ChangeRequest,
): readonly { readonly address: string; readonly port: number }[] {
  if (request.type === 'attach' && request.target.type === 'port') {
    const { address, port } = request.target
    return port === undefined ? [] : [{ address, port }]
  }
  if (request.type !== 'deploy') return []
  try {
    const { model } = readCompose({
      files: request.files,
      environment: request.variables,
      projectName: request.application,
      allowBindRoots: [],
    })
    return model.services.flatMap(({ ports }) =>
      ports.flatMap(({ address, publishedPort }) =>
        publishedPort === undefined ? [] : [{ address, port: publishedPort }],
      ),
    )
  } catch {
    // Planning reads the file again and says everything that is wrong with it.
    return []
  }
}
