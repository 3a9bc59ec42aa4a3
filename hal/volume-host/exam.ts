import { newUid } from '@polis/lib/uid'
import { onTestFinished } from 'vitest'
import type { TaskRootSpec, VolumeHostPort, VolumeMount } from './class.ts'

/** What a running program sees under its `/polis`. */
export interface TaskView extends AsyncDisposable {
  /** Undefined when there is no such file. */
  read(path: string): Promise<string | undefined>
  /** Throws when the program may not write there. */
  write(path: string, text: string): Promise<void>
  /** Keeps that file open until the returned function is called; `holder` is a word that names who holds it. */
  hold(path: string): Promise<{ readonly holder: string; release(): Promise<void> }>
}

/** A volume host and the node around it, for the suite. */
export interface VolumeHostExam extends AsyncDisposable {
  readonly port: VolumeHostPort
  /** A new folder under an allowed root, with a file `greeting` that says `hello`. */
  addFolder(): Promise<string>
  /** Paths that must be refused: outside, by `..`, by a symbolic link, whatever the node has. */
  forbiddenPaths(): Promise<readonly string[]>
  /** A path under an allowed root where nothing is. */
  readonly missingPath: string
  startTask(sourcePath: string, taskUid: string): Promise<TaskView>
  /** Leaves of the node what a reboot leaves. */
  reboot(): Promise<void>
}

export type Current = () => VolumeHostExam

export const signal = (): AbortSignal => AbortSignal.timeout(20_000)

export async function addVolume({ port }: VolumeHostExam): Promise<string> {
  const uid = newUid()
  await port.ensureVolume({ uid }, signal())
  return uid
}

export const mountOf = (volumeUid: string, name = 'files', readOnly = false): VolumeMount => ({
  name,
  volumeUid,
  readOnly,
})

export async function ensureRoot(
  { port }: VolumeHostExam,
  taskUid: string,
  spec: Partial<TaskRootSpec>,
): Promise<string> {
  const input = { taskUid, volumes: [], trees: [], ...spec }
  const { sourcePath } = await port.ensureTaskRoot(input, signal())
  return sourcePath
}

export async function startTask(
  exam: VolumeHostExam,
  spec: Partial<TaskRootSpec>,
): Promise<{ readonly taskUid: string; readonly task: TaskView }> {
  const taskUid = newUid()
  const sourcePath = await ensureRoot(exam, taskUid, spec)
  const task = await exam.startTask(sourcePath, taskUid)
  onTestFinished(async () => {
    await task[Symbol.asyncDispose]()
    await exam.port.removeTaskRoot({ taskUid }, signal())
  })
  return { taskUid, task }
}
