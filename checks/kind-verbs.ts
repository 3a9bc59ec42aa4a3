import type { KindName } from '@polis/resources/registry'

/**
 * The commands of the shell that let people see, and where they may, change objects of each kind. The shell knows only
 * the published schema and no kinds, so the two are tied together here.
 */
export const KIND_VERBS: Readonly<Record<KindName, readonly string[]>> = {
  Project: ['project ls', 'project create', 'project remove'],
  Node: ['node ls', 'node show', 'node cordon', 'node uncordon', 'node remove'],
  Device: ['device ls', 'device show', 'device add', 'device remove'],
  Driver: ['driver ls', 'driver show'],
  Application: ['app ls', 'deploy'],
  Instance: ['app show', 'app start', 'app stop', 'app remove'],
  Revision: ['app rollback', 'deploy'],
  Service: ['app show', 'app scale', 'app restart', 'app logs'],
  Task: ['task ls'],
  Attachment: ['attach', 'detach'],
  Database: ['database ls', 'database create', 'database remove', 'database purge'],
  Domain: ['domain ls', 'domain remove', 'attach', 'detach'],
  Volume: ['volume ls', 'volume create', 'volume remove', 'volume purge'],
  Secret: ['secret ls', 'secret set', 'secret remove'],
  Config: ['config-file ls', 'config-file set', 'config-file remove'],
  Image: ['image ls'],
  User: ['user ls', 'user create', 'user remove'],
  RoleBinding: ['role grant', 'role revoke'],
  Token: ['token ls', 'token create', 'token revoke'],
}
