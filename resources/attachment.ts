import { z } from 'zod'
import { defineKind, guarding, type ObjectOf } from './kind.ts'
import { BaseStatus, NOT_OBSERVED } from './object.ts'

const target = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('domain'),
    domainUid: z.string(),
    /** Port of the service that answers. */
    port: z.number().int().min(1).max(65_535),
  }),
  z.strictObject({
    type: z.literal('database'),
    databaseUid: z.string(),
    /** Environment variable to the key of the binding it takes (`uri`, `host`, …); empty: files only, no restart. */
    environment: z.record(z.string(), z.string()),
  }),
  z.strictObject({
    type: z.literal('volume'),
    volumeUid: z.string(),
    isReadOnly: z.boolean(),
  }),
  z.strictObject({
    type: z.literal('port'),
    /** Address of the node to listen on. */
    address: z.string(),
    port: z.number().int().min(1).max(65_535),
    targetPort: z.number().int().min(1).max(65_535),
  }),
  z.strictObject({
    type: z.literal('secret'),
    secretUid: z.string(),
  }),
])
export type AttachmentTarget = z.infer<typeof target>

export const AttachmentSpec = z.strictObject({
  serviceUid: z.string(),
  /** Name the service knows it by: `/polis/bindings/<alias>`, `/polis/<alias>`. */
  alias: z.string(),
  /** 'file': asked for by the Compose file, goes with it. 'operator': made by hand, stays over deploys. */
  layer: z.enum(['file', 'operator']),
  target,
})
export type AttachmentSpec = z.infer<typeof AttachmentSpec>

export const attachmentKind = defineKind({
  name: 'Attachment',
  plural: 'attachments',
  scope: 'project',
  summary: 'What a service was given: a database, a domain, a volume, a port or a secret.',
  version: 1,
  spec: AttachmentSpec,
  status: BaseStatus,
  newStatus: NOT_OBSERVED,
  claims: ({ serviceUid, alias, target: to }) => [
    `attachment/${serviceUid}/${to.type}/${alias}`,
    ...(to.type === 'domain' ? [`routed-domain/${to.domainUid}`] : []),
    // One owner per port number, whatever the address: 0.0.0.0 and 127.0.0.1 cannot be listened on side by side.
    ...(to.type === 'port' ? [`port/${to.port}`] : []),
  ],
  references: ({ serviceUid, target: to }) => [
    ...guarding(serviceUid),
    ...(to.type === 'domain' ? guarding(to.domainUid) : []),
    ...(to.type === 'database' ? guarding(to.databaseUid) : []),
    ...(to.type === 'volume' ? guarding(to.volumeUid) : []),
    ...(to.type === 'secret' ? guarding(to.secretUid) : []),
  ],
})
export type Attachment = ObjectOf<typeof attachmentKind>
