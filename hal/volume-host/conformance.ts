import { PolisError } from '@polis/lib/error'
import { newUid } from '@polis/lib/uid'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { codeOf } from '../code-of.ts'
import { busyTests, liveChangeTests } from './conformance-live.ts'
import {
  addVolume,
  type Current,
  ensureRoot,
  mountOf,
  signal,
  startTask,
  type VolumeHostExam,
} from './exam.ts'

/** The contract of the volume-host class. A driver that fails one of these is not a volume host. */
export function volumeHostConformance(open: () => Promise<VolumeHostExam>): void {
  describe('volume-host class', { timeout: 60_000 }, () => {
    let exam: VolumeHostExam
    beforeAll(async () => {
      exam = await open()
      await exam.port.ensureDevice({}, signal())
    }, 60_000)
    afterAll(() => exam[Symbol.asyncDispose](), 60_000)
    const current = (): VolumeHostExam => exam

    deviceTests(current)
    volumeTests(current)
    taskRootTests(current)
    liveChangeTests(current)
    busyTests(current)
  })
}

function deviceTests(current: Current): void {
  test('the parent of all task roots is known before any exists', async () => {
    const { port } = current()
    const { isReady, facts } = await port.observeDevice({}, signal())
    expect(isReady).toBe(true)
    const taskUid = newUid()
    const sourcePath = await ensureRoot(current(), taskUid, {})
    expect(sourcePath).toBe(`${facts['taskRootDir']}/${taskUid}`)
    await port.removeTaskRoot({ taskUid }, signal())
  })

  test('ensureDevice can be repeated while tasks run', async () => {
    const volumeUid = await addVolume(current())
    const { task } = await startTask(current(), { volumes: [mountOf(volumeUid)] })
    await task.write('files/a', '1')
    await current().port.ensureDevice({}, signal())
    expect(await task.read('files/a')).toBe('1')
  })
}

function volumeTests(current: Current): void {
  test('an automatic volume is made once, listed, measured and purged', async () => {
    const { port } = current()
    const uid = newUid()
    const made = await port.ensureVolume({ uid }, signal())
    expect(await port.ensureVolume({ uid }, signal())).toEqual(made)
    const { volumes } = await port.listVolumes({}, signal())
    expect(volumes.filter((volume) => volume.uid === uid)).toHaveLength(1)
    expect((await port.observeVolume({ uid }, signal())).sizeBytes).toBeTypeOf('number')
    await port.purgeVolume({ uid }, signal())
    await port.purgeVolume({ uid }, signal())
    expect(await codeOf(port.observeVolume({ uid }, signal()))).toBe('NotFound')
  })

  test('a volume with a path shows that folder, and purging it leaves the folder', async () => {
    const { port } = current()
    const path = await current().addFolder()
    const uid = newUid()
    expect(await port.ensureVolume({ uid, path }, signal())).toMatchObject({ uid, path })
    const { taskUid, task } = await startTask(current(), { volumes: [mountOf(uid)] })
    expect(await task.read('files/greeting')).toBe('hello')
    await ensureRoot(current(), taskUid, {})
    await port.purgeVolume({ uid }, signal())
    const again = newUid()
    await port.ensureVolume({ uid: again, path }, signal())
    await ensureRoot(current(), taskUid, { volumes: [mountOf(again)] })
    expect(await task.read('files/greeting')).toBe('hello')
  })

  test('paths outside the allowed roots are refused, absent ones not found', async () => {
    const { port, missingPath } = current()
    for (const path of await current().forbiddenPaths()) {
      const code = await codeOf(port.ensureVolume({ uid: newUid(), path }, signal()))
      expect({ path, code }).toEqual({ path, code: 'PermissionDenied' })
    }
    const absent = port.ensureVolume({ uid: newUid(), path: missingPath }, signal())
    expect(await codeOf(absent)).toBe('NotFound')
  })

  test('a volume stays where it is', async () => {
    const { port } = current()
    const uid = await addVolume(current())
    const path = await current().addFolder()
    expect(await codeOf(port.ensureVolume({ uid, path }, signal()))).toBe('FailedPrecondition')
  })

  test('a uid that could name another folder is refused', async () => {
    const { port } = current()
    for (const uid of ['', '.', '..', '../x', 'a/b', '-rf', 'A', 'x'.repeat(300), 'ü']) {
      expect(await codeOf(port.ensureVolume({ uid }, signal()))).toBe('InvalidArgument')
      expect(await codeOf(port.purgeVolume({ uid }, signal()))).toBe('InvalidArgument')
      const root = port.ensureTaskRoot({ taskUid: uid, volumes: [], trees: [] }, signal())
      expect(await codeOf(root)).toBe('InvalidArgument')
    }
  })

  test('a mounted volume is not purged, and its data survives the attempt', async () => {
    const { port } = current()
    const uid = await addVolume(current())
    const { task } = await startTask(current(), { volumes: [mountOf(uid)] })
    await task.write('files/a', '1')
    expect(await codeOf(port.purgeVolume({ uid }, signal()))).toBe('FailedPrecondition')
    expect(await task.read('files/a')).toBe('1')
  })

  test('an aborted call changes nothing', async () => {
    const { port } = current()
    const uid = newUid()
    expect(await codeOf(port.ensureVolume({ uid }, AbortSignal.abort()))).not.toBe('no error')
    expect(await codeOf(port.observeVolume({ uid }, signal()))).toBe('NotFound')
  })
}

function taskRootTests(current: Current): void {
  test('a task sees its volumes and files, and nothing else', async () => {
    const uid = await addVolume(current())
    const { task } = await startTask(current(), {
      volumes: [mountOf(uid)],
      trees: [
        { path: 'bindings/db', files: { type: 'postgresql', password: 'secret' } },
        { path: 'secrets', files: { token: 'a\nb' } },
      ],
    })
    await task.write('files/a', '1')
    expect(await task.read('files/a')).toBe('1')
    expect(await task.read('bindings/db/type')).toBe('postgresql')
    expect(await task.read('secrets/token')).toBe('a\nb')
    expect(await task.read('secrets/other')).toBeUndefined()
  })

  test('a task writes nowhere but into its volumes', async () => {
    const uid = await addVolume(current())
    const { task } = await startTask(current(), {
      volumes: [mountOf(uid, 'frozen', true)],
      trees: [{ path: 'secrets', files: { token: 'a' } }],
    })
    for (const path of ['frozen/a', 'secrets/token', 'secrets/new', 'new']) {
      expect(await codeOf(task.write(path, 'x'))).not.toBe('no error')
    }
    expect(await task.read('secrets/token')).toBe('a')
  })

  test('data outlives the task root and is there for the next task', async () => {
    const uid = await addVolume(current())
    const first = await startTask(current(), { volumes: [mountOf(uid)] })
    await first.task.write('files/a', '1')
    await ensureRoot(current(), first.taskUid, {})
    await current().port.removeTaskRoot({ taskUid: first.taskUid }, signal())
    const second = await startTask(current(), { volumes: [mountOf(uid)] })
    expect(await second.task.read('files/a')).toBe('1')
  })

  test('two tasks share a volume', async () => {
    const uid = await addVolume(current())
    const writer = await startTask(current(), { volumes: [mountOf(uid)] })
    const reader = await startTask(current(), { volumes: [mountOf(uid, 'shared', true)] })
    await writer.task.write('files/a', '1')
    expect(await reader.task.read('shared/a')).toBe('1')
  })

  test('names that leave the root, or collide, are refused all at once', async () => {
    const uid = await addVolume(current())
    const input = {
      taskUid: newUid(),
      volumes: [mountOf(uid, '../escape'), mountOf(uid, 'secrets')],
      trees: [
        { path: 'secrets', files: { '../x': '' } },
        { path: '/etc', files: {} },
      ],
    }
    const error: unknown = await current()
      .port.ensureTaskRoot(input, signal())
      .catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(PolisError)
    const paths = error instanceof PolisError ? error.problems.map((p) => p.path) : []
    expect(paths.toSorted()).toEqual(
      ['trees[0].files', 'trees[0].path', 'trees[1].path', 'volumes[0].name'].toSorted(),
    )
  })

  test('an unknown volume is not found, and no root appears', async () => {
    const taskUid = newUid()
    const { port } = current()
    const input = { taskUid, volumes: [mountOf(newUid())], trees: [] }
    expect(await codeOf(port.ensureTaskRoot(input, signal()))).toBe('NotFound')
    expect((await port.listTaskRoots({}, signal())).taskUids).not.toContain(taskUid)
  })

  test('complete roots are listed, removed ones are not, removing twice succeeds', async () => {
    const { port } = current()
    const taskUid = newUid()
    await ensureRoot(current(), taskUid, { volumes: [mountOf(await addVolume(current()))] })
    expect((await port.listTaskRoots({}, signal())).taskUids).toContain(taskUid)
    await port.removeTaskRoot({ taskUid }, signal())
    await port.removeTaskRoot({ taskUid }, signal())
    expect((await port.listTaskRoots({}, signal())).taskUids).not.toContain(taskUid)
  })

  test('after a reboot there are no roots, and ensuring one again shows the same data', async () => {
    const { port } = current()
    const uid = await addVolume(current())
    const taskUid = newUid()
    const spec = { volumes: [mountOf(uid)] }
    const sourcePath = await ensureRoot(current(), taskUid, spec)
    {
      await using task = await current().startTask(sourcePath, taskUid)
      await task.write('files/a', '1')
    }
    await current().reboot()
    await port.ensureDevice({}, signal())
    expect((await port.listTaskRoots({}, signal())).taskUids).toEqual([])
    await using task = await current().startTask(
      await ensureRoot(current(), taskUid, spec),
      taskUid,
    )
    expect(await task.read('files/a')).toBe('1')
    await ensureRoot(current(), taskUid, {})
  })
}
