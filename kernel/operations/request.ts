import { ServiceOverride } from '@polis/resources/instance'
import { ROLES } from '@polis/resources/role-binding'
import { z } from 'zod'

const project = z.string().default('default')
const instance = { project, instance: z.string() }
const service = { ...instance, service: z.string() }

/** What `attach` gives to a service. Names are those of objects in the service's project. */
export const AttachTarget = z.discriminatedUnion('type', [
  /** `port` absent: the only port that the service exposes. The Domain is made when it does not exist. */
  z.strictObject({
    type: z.literal('domain'),
    host: z.string(),
    port: z.number().int().optional(),
  }),
  z.strictObject({
    type: z.literal('database'),
    name: z.string(),
    /** Name of the binding; absent: the database's name. */
    alias: z.string().optional(),
    /** Variable to binding field; not empty: tasks are replaced, start-first. */
    env: z.record(z.string(), z.string()).default({}),
  }),
  z.strictObject({
    type: z.literal('volume'),
    name: z.string(),
    alias: z.string().optional(),
    readOnly: z.boolean().default(false),
  }),
  z.strictObject({
    type: z.literal('port'),
    address: z.string().default('0.0.0.0'),
    /** Absent: one is given out. */
    port: z.number().int().optional(),
    targetPort: z.number().int(),
  }),
  z.strictObject({ type: z.literal('secret'), name: z.string(), alias: z.string().optional() }),
])
export type AttachTarget = z.infer<typeof AttachTarget>

/**
 * Every change that can be asked for. The API turns its mutations into these; the planner turns them into a plan;
 * nothing else changes intent.
 */
export const ChangeRequest = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('deploy'),
    project,
    /** Name of the application; its first instance bears it too. */
    application: z.string(),
    /** Absent: the application's name. */
    instance: z.string().optional(),
    files: z.array(z.strictObject({ path: z.string(), text: z.string().max(1_048_576) })).min(1),
    /** Variables for interpolation, from the caller's `.env` and `--set`. */
    variables: z.record(z.string(), z.string()).default({}),
    /** Digest of the uploaded folder, needed when a service is built. */
    contextDigest: z.string().optional(),
  }),
  z.strictObject({
    type: z.literal('override'),
    ...service,
    /** Merged into what is there; `replicas` scales. */
    override: ServiceOverride,
    /** Environment variables to take out of the operator's layer. */
    unsetEnvironment: z.array(z.string()).default([]),
  }),
  /** Goes back to an earlier revision, by number; absent: the one before the current. */
  z.strictObject({
    type: z.literal('rollback'),
    ...instance,
    revision: z.number().int().positive().optional(),
  }),
  z.strictObject({ type: z.literal('start'), ...instance }),
  z.strictObject({ type: z.literal('stop'), ...instance }),
  /** Replaces every task, one after the other. */
  z.strictObject({ type: z.literal('restart'), ...instance, service: z.string().optional() }),
  /** Removes the instance; databases and volumes it made go to the bin. The last one takes the application with it. */
  z.strictObject({ type: z.literal('removeInstance'), ...instance }),
  z.strictObject({ type: z.literal('attach'), ...service, target: AttachTarget }),
  z.strictObject({
    type: z.literal('detach'),
    ...service,
    target: z.strictObject({
      type: z.enum(['domain', 'database', 'volume', 'port', 'secret']),
      /** Host, alias or port number. */
      name: z.string(),
    }),
  }),
  z.strictObject({
    type: z.literal('createDatabase'),
    project,
    name: z.string(),
    /** Name of the device; absent: the only database device. */
    device: z.string().optional(),
  }),
  /** To the bin: closed, data kept. Refused while attached. */
  z.strictObject({ type: z.literal('removeDatabase'), project, name: z.string() }),
  z.strictObject({ type: z.literal('restoreDatabase'), project, name: z.string() }),
  /** For good. `confirmName` must repeat the name; only what is in the bin can be purged. */
  z.strictObject({
    type: z.literal('purgeDatabase'),
    project,
    name: z.string(),
    confirmName: z.string(),
  }),
  z.strictObject({ type: z.literal('rotateDatabasePassword'), project, name: z.string() }),
  z.strictObject({
    type: z.literal('createVolume'),
    project,
    name: z.string(),
    /** A folder of the node under an allowed root; absent: the device chooses the place. */
    path: z.string().optional(),
    isExclusive: z.boolean().default(false),
    device: z.string().optional(),
  }),
  z.strictObject({ type: z.literal('removeVolume'), project, name: z.string() }),
  z.strictObject({ type: z.literal('restoreVolume'), project, name: z.string() }),
  z.strictObject({
    type: z.literal('purgeVolume'),
    project,
    name: z.string(),
    confirmName: z.string(),
  }),
  z.strictObject({ type: z.literal('removeDomain'), project, host: z.string() }),
  z.strictObject({ type: z.literal('setSecret'), project, name: z.string(), value: z.string() }),
  z.strictObject({ type: z.literal('removeSecret'), project, name: z.string() }),
  z.strictObject({
    type: z.literal('setConfig'),
    project,
    name: z.string(),
    content: z.string().max(400_000),
  }),
  z.strictObject({ type: z.literal('removeConfig'), project, name: z.string() }),
  z.strictObject({
    type: z.literal('addDevice'),
    driver: z.string(),
    /** Absent: the driver's name. */
    name: z.string().optional(),
    /** Name of the node; absent: the only node. */
    node: z.string().optional(),
    parameters: z.record(z.string(), z.unknown()).default({}),
  }),
  z.strictObject({ type: z.literal('removeDevice'), name: z.string() }),
  z.strictObject({
    type: z.literal('setNodeSchedulable'),
    name: z.string(),
    isSchedulable: z.boolean(),
  }),
  z.strictObject({ type: z.literal('removeNode'), name: z.string() }),
  z.strictObject({ type: z.literal('createProject'), name: z.string() }),
  z.strictObject({ type: z.literal('removeProject'), name: z.string() }),
  z.strictObject({
    type: z.literal('createUser'),
    name: z.string(),
    displayName: z.string().optional(),
    password: z.string().min(10).max(200).optional(),
  }),
  z.strictObject({ type: z.literal('setUserBlocked'), name: z.string(), isBlocked: z.boolean() }),
  z.strictObject({
    type: z.literal('setUserPassword'),
    name: z.string(),
    password: z.string().min(10).max(200),
  }),
  z.strictObject({ type: z.literal('removeUser'), name: z.string() }),
  z.strictObject({
    type: z.literal('grantRole'),
    user: z.string(),
    role: z.enum(ROLES),
    /** Absent: everywhere. */
    project: z.string().optional(),
  }),
  z.strictObject({
    type: z.literal('revokeRole'),
    user: z.string(),
    project: z.string().optional(),
  }),
  z.strictObject({ type: z.literal('revokeToken'), name: z.string() }),
])
export type ChangeRequest = z.infer<typeof ChangeRequest>
export type RequestOf<Type extends ChangeRequest['type']> = Extract<ChangeRequest, { type: Type }>
