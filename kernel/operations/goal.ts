import { z } from 'zod'
import { InstanceSpec } from '@polis/resources/instance'
import { type KindName, kindNames } from '@polis/resources/registry'
import { Operation } from './operation.ts'

const Kind = z.custom<KindName>((name) => kindNames.some((kind) => kind === name))

/** What has to be true of the world before an operation is done. */
export const Goal = z.discriminatedUnion('type', [
  /** All that the instance wants at its newest generation holds, and its domains answer. */
  z.object({ type: z.literal('instance'), uid: z.string() }),
  /** The object's newest spec holds. */
  z.object({ type: z.literal('ready'), kind: Kind, uid: z.string(), title: z.string() }),
  z.object({ type: z.literal('gone'), kind: Kind, uid: z.string(), title: z.string() }),
  /** The host is answered for by a task. */
  z.object({ type: z.literal('probe'), host: z.string() }),
])
export type Goal = z.infer<typeof Goal>

/** How intent goes back when an operation fails or is cancelled. */
export const Undo = z.discriminatedUnion('type', [
  z.object({ type: z.literal('restoreInstance'), uid: z.string(), spec: InstanceSpec }),
  z.object({ type: z.literal('remove'), kind: Kind, uid: z.string() }),
  z.object({ type: z.literal('cancelDeletion'), kind: Kind, uid: z.string() }),
])
export type Undo = z.infer<typeof Undo>

/** A running operation as the store keeps it, written in one transaction with the intent it is about. */
export const OperationRecord = z.object({
  operation: Operation,
  goals: z.array(Goal),
  undo: z.array(Undo),
  /** When a step last changed, ISO 8601. */
  movedAt: z.string(),
  /** Somebody asked to stop it. */
  isCancelled: z.boolean(),
})
export type OperationRecord = z.infer<typeof OperationRecord>
