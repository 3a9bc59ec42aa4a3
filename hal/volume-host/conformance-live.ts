import { expect, test } from 'vitest'
import { codeOf } from '../code-of.ts'
import { addVolume, type Current, ensureRoot, mountOf, signal, startTask } from './exam.ts'

/** Changes under a running task. */
export function liveChangeTests(current: Current): void {
  test('volumes come and go while the task runs', async () => {
    const uid = await addVolume(current())
    const { taskUid, task } = await startTask(current(), {})
    await ensureRoot(current(), taskUid, { volumes: [mountOf(uid)] })
    await task.write('files/a', '1')
    expect(await task.read('files/a')).toBe('1')
    await ensureRoot(current(), taskUid, {})
    expect(await task.read('files/a')).toBeUndefined()
    expect(await codeOf(task.write('files/a', '2'))).not.toBe('no error')
    await ensureRoot(current(), taskUid, { volumes: [mountOf(uid)] })
    expect(await task.read('files/a')).toBe('1')
  })

  test('a mount turns read-only, and another volume takes its place, while the task runs', async () => {
    const uid = await addVolume(current())
    const other = await addVolume(current())
    const { taskUid, task } = await startTask(current(), { volumes: [mountOf(uid)] })
    await task.write('files/a', '1')
    await ensureRoot(current(), taskUid, { volumes: [mountOf(uid, 'files', true)] })
    expect(await codeOf(task.write('files/a', '2'))).not.toBe('no error')
    await ensureRoot(current(), taskUid, { volumes: [mountOf(other)] })
    expect(await task.read('files/a')).toBeUndefined()
    await task.write('files/b', '1')
    await ensureRoot(current(), taskUid, { volumes: [mountOf(uid)] })
    expect(await task.read('files/a')).toBe('1')
    expect(await task.read('files/b')).toBeUndefined()
  })

  test('files change, come and go while the task runs', async () => {
    const { taskUid, task } = await startTask(current(), {
      trees: [{ path: 'bindings/db', files: { password: 'old', host: 'h' } }],
    })
    await ensureRoot(current(), taskUid, {
      trees: [
        { path: 'bindings/db', files: { password: 'new', port: '1' } },
        { path: 'secrets', files: { token: 't' } },
      ],
    })
    expect(await task.read('bindings/db/password')).toBe('new')
    expect(await task.read('bindings/db/port')).toBe('1')
    expect(await task.read('bindings/db/host')).toBeUndefined()
    expect(await task.read('secrets/token')).toBe('t')
    await ensureRoot(current(), taskUid, {})
    expect(await task.read('bindings/db/password')).toBeUndefined()
    expect(await task.read('secrets/token')).toBeUndefined()
  })

  test('a change of one thing leaves the others alone', async () => {
    const uid = await addVolume(current())
    const trees = [{ path: 'secrets', files: { token: 't' } }]
    const { taskUid, task } = await startTask(current(), { volumes: [mountOf(uid)], trees })
    await task.write('files/a', '1')
    const held = await task.hold('files/a')
    await ensureRoot(current(), taskUid, { volumes: [mountOf(uid)], trees: [] })
    expect(await task.read('secrets/token')).toBeUndefined()
    expect(await task.read('files/a')).toBe('1')
    await held.release()
  })
}

/** What somebody holds open is not taken away. */
export function busyTests(current: Current): void {
  test('a busy volume stays, its holder is named, and the rest is as it was', async () => {
    const first = await addVolume(current())
    const second = await addVolume(current())
    const trees = [{ path: 'secrets', files: { token: 'old' } }]
    const volumes = [mountOf(first, 'idle'), mountOf(second, 'busy'), mountOf(first, 'late')]
    const { taskUid, task } = await startTask(current(), { volumes, trees })
    await task.write('idle/a', '1')
    await task.write('busy/a', '2')
    const held = await task.hold('busy/a')
    const change = { taskUid, volumes: [], trees: [{ path: 'secrets', files: { token: 'new' } }] }
    const error: unknown = await current()
      .port.ensureTaskRoot(change, signal())
      .catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'FailedPrecondition' })
    expect(error instanceof Error ? error.message : '').toContain(held.holder)
    expect(await task.read('idle/a')).toBe('1')
    expect(await task.read('late/a')).toBe('1')
    expect(await task.read('busy/a')).toBe('2')
    expect(await task.read('secrets/token')).toBe('old')
    await held.release()
    await current().port.ensureTaskRoot(change, signal())
    expect(await task.read('busy/a')).toBeUndefined()
    expect(await task.read('secrets/token')).toBe('new')
  })

  test('a root whose volume is busy is not removed by halves', async () => {
    const uid = await addVolume(current())
    const { taskUid, task } = await startTask(current(), { volumes: [mountOf(uid)] })
    await task.write('files/a', '1')
    const held = await task.hold('files/a')
    const { port } = current()
    expect(await codeOf(port.removeTaskRoot({ taskUid }, signal()))).toBe('FailedPrecondition')
    expect(await task.read('files/a')).toBe('1')
    expect((await port.listTaskRoots({}, signal())).taskUids).toContain(taskUid)
    await held.release()
  })
}
