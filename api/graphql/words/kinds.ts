import type { BaseStatus } from '@polis/resources/object'
import type { KindName, PolisObject } from '@polis/resources/registry'
import { ELSEWHERE, SECRET, type WordsOf } from './shape.ts'

/** A sentence for each field of a kind's spec, and of what its status has beyond the fields all share. */
type KindWords<Name extends KindName> = {
  readonly spec: WordsOf<PolisObject<Name>['spec']>
  readonly status: WordsOf<Omit<PolisObject<Name>['status'], keyof BaseStatus>>
}

export const statusWords: WordsOf<BaseStatus> = {
  observedGeneration:
    'The generation that this status speaks about; older means "not looked at yet".',
  conditions: 'What is and is not true of the object.',
}

/** Adding a kind or a field without a sentence here does not compile. */
export const kindWords: { readonly [Name in KindName]: KindWords<Name> } = {
  Project: {
    spec: { displayName: 'Its name for people.', quotas: 'Its limits.' },
    status: {},
  },
  Node: {
    spec: {
      isSchedulable: 'False: cordoned. What runs stays, nothing new comes.',
      labels: 'Labels that placement can ask for.',
    },
    status: {
      facts: 'What it says of itself.',
      engineNode: "The orchestrator's own name of it.",
      gatewayAddress: 'Where its tasks find what they are attached to.',
    },
  },
  Device: {
    spec: {
      driver: 'Name of the driver that runs it.',
      class: 'Its device class: `database`, `ingress`, …',
      nodeUid: 'The node it is on.',
      parameters: "What its driver was told; the driver's `parameters` say what there is.",
    },
    status: {
      engineVersion: 'Version of the engine behind it.',
      facts: 'Facts by class, such as `address`.',
    },
  },
  Driver: {
    spec: {},
    status: {
      class: 'The device class it serves.',
      version: 'Its version.',
      summary: 'What it does, in a sentence.',
      parameters: 'JSON Schema of the parameters that a device of it takes.',
      capabilities: 'What it can do, as its class defines.',
      nodeUids: 'Nodes whose agents host it.',
    },
  },
  Application: { spec: { description: 'What it is, for people.' }, status: {} },
  Instance: {
    spec: {
      applicationUid: 'The application it is a copy of.',
      revisionUid: 'The revision that shall run.',
      overrides: ELSEWHERE,
      isStopped: 'True: everything is kept and nothing runs.',
    },
    status: {
      convergedRevisionUid:
        'The revision all of whose tasks ran last: where a failed roll-out goes back to.',
    },
  },
  Revision: {
    spec: {
      instanceUid: 'The instance it is a version of.',
      number: '1, 2, 3, … within the instance.',
      files: 'The Compose files as they were given.',
      model: 'What the Compose reader made of them, variables filled in.',
      contextDigest: 'Digest of the uploaded folder; present when a service is built.',
    },
    status: {},
  },
  Service: {
    spec: {
      instanceUid: 'The instance it belongs to.',
      revisionUid: 'The revision it was made from.',
      imageUid: 'The image of its tasks.',
      serviceName: 'What the Compose file calls it.',
      replicas: 'How many tasks it shall have.',
      template: 'What its tasks are started from.',
      dependsOn: 'What must be there before a task of it starts.',
      updateOrder: 'Which comes first when a task is replaced.',
      exposedPorts:
        'Ports it says it listens on; a domain leads to the first unless told otherwise.',
    },
    status: {
      updatedReplicas: 'Tasks of the newest template that are running and routed.',
      runningReplicas: 'Tasks of any template that are running.',
    },
  },
  Task: {
    spec: {
      serviceUid: 'The service it is a task of.',
      revisionUid: 'The revision it was made from.',
      slot: '1 to replicas; two tasks share one while the newer replaces the older.',
      template: 'What it is started from.',
      templateHash: 'Digest of the template: tasks of one hash are alike.',
    },
    status: {
      state: 'What has become of it.',
      message: 'Why it is not running, in words.',
      incarnation: 'Identity of the container that runs now; a route holds for one only.',
      containerId: "The engine's identifier of that container.",
      startedAt: 'When that container started.',
      address: 'Its address on the node bridge.',
      nodeUid: 'The node it is on.',
      exitCode: 'How its last container ended.',
      restarts: 'How often its container was started again.',
      routedIncarnation:
        'The incarnation that the edge sends traffic to; another or none: none comes.',
      mountedAttachmentUids: 'Attachments whose files are in place.',
    },
  },
  Attachment: {
    spec: {
      serviceUid: 'The service that was given it.',
      alias: 'Name the service knows it by: `/polis/bindings/<alias>`, `/polis/<alias>`.',
      layer: 'Who asked for it.',
      target: ELSEWHERE,
    },
    status: {},
  },
  Database: {
    spec: {
      deviceUid: 'The database server it is on.',
      databaseName: 'Its name there.',
      roleName: 'The role that owns it there.',
      passwordUid: "The secret with the role's password.",
      gatewayPort: 'Port of the gateway where attached tasks find it.',
      binnedAt: 'When it went to the bin: closed, data kept until purged.',
    },
    status: { sizeBytes: 'How much its data takes up.' },
  },
  Domain: {
    spec: {
      host: 'The host name; it has one owner in the installation.',
      tls: 'How it is encrypted.',
    },
    status: {},
  },
  Volume: {
    spec: {
      deviceUid: 'The volume host that keeps it.',
      path: 'Folder of the node that was asked for; absent: the device chooses.',
      isExclusive: 'Whether one service at most may have it, with tasks that never overlap.',
      binnedAt: 'When it went to the bin: data kept until purged.',
    },
    status: { path: 'Where it is on its node.', sizeBytes: 'How much its data takes up.' },
  },
  Secret: {
    spec: { sealedValue: SECRET, version: 'Grows with each new value.' },
    status: {},
  },
  Config: { spec: { content: 'Its content.' }, status: {} },
  Image: {
    spec: { source: ELSEWHERE },
    status: {
      pinned: 'What a task is started from: an id, or a reference with a digest.',
      exposedPorts: 'Ports the image says it listens on: `80/tcp`.',
      hasHealthCheck: 'Whether the image brings a health check.',
      sizeBytes: 'Its size.',
    },
  },
  User: {
    spec: {
      displayName: 'Name for people.',
      passwordHash: SECRET,
      isBlocked: 'True: holds on the very next request, and ends open streams.',
    },
    status: {},
  },
  RoleBinding: {
    spec: {
      userUid: 'Who has the role.',
      role: 'The role.',
      projectUid: 'Where; absent: in every project, and for what belongs to the installation.',
    },
    status: {},
  },
  Token: {
    spec: {
      purpose: 'What it is for.',
      userUid: 'Whose rights it carries; absent for `join`.',
      hash: SECRET,
      scope: 'The most it may do, whatever its user may.',
      projectUid: 'The only project it is for; absent: all that its user may see.',
      expiresAt: 'When it ends.',
      usesLeft: 'How many more times it may be used; absent: no limit until it expires.',
    },
    status: {},
  },
}
