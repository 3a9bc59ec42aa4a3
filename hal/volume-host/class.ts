import { z } from 'zod'
import { type Contract, unary } from '../contract.ts'
import { type DeviceLifecycle, Nothing, ObservedDevice } from '../driver.ts'

/** A named folder with data in it. */
export const VolumeSpec = z.object({
  uid: z.string(),
  /** Absent: the driver chooses the place. Present: that folder of the node, which must lie under an allowed root. */
  path: z.string().optional(),
})
export type VolumeSpec = z.infer<typeof VolumeSpec>

export const ObservedVolume = z.object({
  uid: z.string(),
  path: z.string(),
  /** Bytes in use; absent when it was not counted (counting is done by observeVolume only). */
  sizeBytes: z.number().optional(),
})
export type ObservedVolume = z.infer<typeof ObservedVolume>

export const VolumeMount = z.object({
  /** Directory name under `/polis` in the task. */
  name: z.string(),
  volumeUid: z.string(),
  readOnly: z.boolean(),
})
export type VolumeMount = z.infer<typeof VolumeMount>

export const FileTree = z.object({
  /** Path below `/polis`, such as `bindings/db` or `secrets`. */
  path: z.string(),
  /** File name to content. Kept on tmpfs only. */
  files: z.record(z.string(), z.string()),
})
export type FileTree = z.infer<typeof FileTree>

/** All that a task sees under `/polis`: given whole. */
export const TaskRootSpec = z.object({
  taskUid: z.string(),
  volumes: z.array(VolumeMount),
  trees: z.array(FileTree),
})
export type TaskRootSpec = z.infer<typeof TaskRootSpec>

/**
 * Device class: folders of data on a node, and what each task sees of them under `/polis`.
 * ObservedDevice.facts has `taskRootDir`, known before any root exists: a task's root is `<taskRootDir>/<taskUid>`. Safe to repeat, all of it.
 */
export interface VolumeHostPort extends DeviceLifecycle {
  /**
   * Throws PermissionDenied for a path outside the allowed roots (symbolic links followed), NotFound for one that is not
   * there, FailedPrecondition when the volume lies elsewhere already, InvalidArgument for a uid that cannot name a folder.
   */
  ensureVolume(input: VolumeSpec, signal: AbortSignal): Promise<ObservedVolume>
  /** Deletes an automatic volume's data for good; of one with a path only the record, never the folder. FailedPrecondition while mounted. */
  purgeVolume(input: { uid: string }, signal: AbortSignal): Promise<Nothing>
  /** With its size counted. NotFound when absent. */
  observeVolume(input: { uid: string }, signal: AbortSignal): Promise<ObservedVolume>
  listVolumes(input: Nothing, signal: AbortSignal): Promise<{ volumes: ObservedVolume[] }>

  /**
   * Makes the task's `/polis` be exactly `input`. The folder appears at `sourcePath` only when complete, and later
   * changes show inside the running task at once. Throws FailedPrecondition, naming who holds files open, when a
   * volume to be taken away is busy; the rest of the tree is then left as it was. A change of `readOnly` takes the mount
   * away for a moment, so it too needs the volume idle. Throws InvalidArgument, with every path, for names that leave the
   * root or collide, NotFound for an unknown volume.
   */
  ensureTaskRoot(input: TaskRootSpec, signal: AbortSignal): Promise<{ sourcePath: string }>
  /** Unmounts everything of the task's root and removes it, or nothing (FailedPrecondition while busy). Volumes keep their data. */
  removeTaskRoot(input: { taskUid: string }, signal: AbortSignal): Promise<Nothing>
  /** Task roots that are complete now; none after a reboot. */
  listTaskRoots(input: Nothing, signal: AbortSignal): Promise<{ taskUids: string[] }>
}

export const volumeHostContract: Contract<VolumeHostPort> = {
  ensureDevice: unary(Nothing, ObservedDevice),
  observeDevice: unary(Nothing, ObservedDevice),
  removeDevice: unary(Nothing, Nothing),
  ensureVolume: unary(VolumeSpec, ObservedVolume),
  purgeVolume: unary(z.object({ uid: z.string() }), Nothing),
  observeVolume: unary(z.object({ uid: z.string() }), ObservedVolume),
  listVolumes: unary(Nothing, z.object({ volumes: z.array(ObservedVolume) })),
  ensureTaskRoot: unary(TaskRootSpec, z.object({ sourcePath: z.string() })),
  removeTaskRoot: unary(z.object({ taskUid: z.string() }), Nothing),
  listTaskRoots: unary(Nothing, z.object({ taskUids: z.array(z.string()) })),
}
