import { until } from '@polis/lib/until'
import { FakeWorld, root } from '@polis/test/fake-world'
import { expect, test } from 'vitest'
import type { Actor, SignedIn } from '../kernel.ts'
import type { ChangeRequest } from '../operations/request.ts'

const PASSWORD = 'correct horse battery'

function finish(world: FakeWorld, request: ChangeRequest): Promise<void> {
  return finishAs(world, root, request)
}

async function finishAs(world: FakeWorld, actor: Actor, request: ChangeRequest): Promise<void> {
  const { id } = await world.kernel.submit(actor, request)
  let status = 'unknown'
  for await (const operation of world.kernel.watchOperation(
    root,
    id,
    AbortSignal.timeout(10_000),
  )) {
    status = operation.status
  }
  expect(status).toBe('done')
}

/** A user with a role in the project `default`, signed in by password. */
async function userOf(
  world: FakeWorld,
  name: string,
  role: 'administrator' | 'operator' | 'viewer',
): Promise<Actor> {
  await finish(world, { type: 'createUser', name, password: PASSWORD })
  await finish(world, { type: 'grantRole', user: name, role, project: 'default' })
  return await actorOf(world, await world.kernel.signIn(name, PASSWORD, '127.0.0.1'))
}

async function actorOf(world: FakeWorld, { sessionToken }: SignedIn): Promise<Actor> {
  const actor = await world.kernel.authenticate(sessionToken)
  if (actor === undefined) throw new Error('not let in')
  return actor
}

const secret = (project = 'default'): ChangeRequest => ({
  type: 'setSecret',
  project,
  name: 'key',
  value: 'plain text of it',
})

test('a viewer sees and changes nothing, an operator works in the project, neither touches the installation', async () => {
  await using world = await FakeWorld.open()
  const viewer = await userOf(world, 'vera', 'viewer')
  const operator = await userOf(world, 'otto', 'operator')
  const denied = { code: 'PermissionDenied' }

  await expect(world.kernel.submit(viewer, secret())).rejects.toMatchObject(denied)
  await expect(world.kernel.plan(viewer, secret())).rejects.toMatchObject(denied)
  await finishAs(world, operator, secret())
  await finish(world, { type: 'createProject', name: 'other' })
  await expect(world.kernel.submit(operator, secret('other'))).rejects.toMatchObject(denied)
  for (const request of [
    { type: 'createUser', name: 'eve', password: PASSWORD },
    { type: 'grantRole', user: 'otto', role: 'administrator' },
    { type: 'createVolume', project: 'default', name: 'etc', path: '/etc', isExclusive: false },
  ] as const) {
    await expect(world.kernel.submit(operator, request)).rejects.toMatchObject(denied)
  }
  expect(world.kernel.reader(viewer).list('Secret')).toHaveLength(1)
  const seen = await world.kernel.listOperations(viewer, { limit: 1 })
  expect(seen.map(({ verb }) => verb)).toEqual(['setSecret'])
  expect(
    world.kernel
      .reader(viewer)
      .list('Project')
      .map(({ metadata }) => metadata.name),
  ).toEqual(['default'])
  expect(
    world.kernel
      .reader(viewer)
      .list('User')
      .map(({ metadata }) => metadata.name),
  ).toEqual(['vera'])
})

test('a right taken away, and a block, hold on the next request and end open streams', async () => {
  await using world = await FakeWorld.open()
  const operator = await userOf(world, 'otto', 'operator')
  await world.kernel.submit(operator, secret())
  const streamed = (async () => {
    for await (const _ of world.kernel.watch(operator, ['Secret'], AbortSignal.timeout(10_000)));
  })()
  // Looked at before it can end, so that its end is nobody's surprise.
  const end = streamed.catch((error: unknown) => error)

  await finish(world, { type: 'revokeRole', user: 'otto', project: 'default' })

  expect(await end).toMatchObject({ code: 'PermissionDenied' })
  await expect(world.kernel.submit(operator, secret())).rejects.toMatchObject({
    code: 'PermissionDenied',
  })

  const again = await world.kernel.signIn('otto', PASSWORD, '127.0.0.1')
  await finish(world, { type: 'setUserBlocked', name: 'otto', isBlocked: true })
  expect(await world.kernel.authenticate(again.sessionToken)).toBeUndefined()
  await expect(world.kernel.signIn('otto', PASSWORD, '127.0.0.1')).rejects.toMatchObject({
    code: 'Unauthenticated',
  })
})

test('guessing is slowed down, and a link lets in once', async () => {
  await using world = await FakeWorld.open()
  await finish(world, { type: 'createUser', name: 'otto', password: PASSWORD })
  const guess = (address: string): Promise<SignedIn> =>
    world.kernel.signIn('otto', 'wrong guess here', address)
  for (let n = 0; n < 5; n += 1)
    await expect(guess(`10.0.0.${n}`)).rejects.toMatchObject({ code: 'Unauthenticated' })
  await expect(guess('10.0.0.9')).rejects.toMatchObject({ code: 'ResourceExhausted' })

  const { text } = await world.kernel.createSignInToken(root, 'otto')
  expect(await world.kernel.authenticate(text)).toBeUndefined()
  const session = await world.kernel.signInWithLink(text, '127.0.0.1')
  expect((await actorOf(world, session)).name).toBe('otto')
  await expect(world.kernel.signInWithLink(text, '127.0.0.1')).rejects.toMatchObject({
    code: 'Unauthenticated',
  })
})

test('the last administrator cannot be blocked, removed or lose the role', async () => {
  await using world = await FakeWorld.open()
  for (const request of [
    { type: 'setUserBlocked', name: 'admin', isBlocked: true },
    { type: 'removeUser', name: 'admin' },
    { type: 'revokeRole', user: 'admin' },
    { type: 'grantRole', user: 'admin', role: 'viewer' },
  ] as const) {
    await expect(world.kernel.submit(root, request)).rejects.toMatchObject({
      code: 'FailedPrecondition',
    })
  }
})

test('nothing secret is in the store or the journal in plain text, and a rotated key seals all anew', async () => {
  await using world = await FakeWorld.open()
  await finish(world, secret())
  const { text } = await world.kernel.createJoinToken(root, { hours: 1, uses: 1 })
  const everything = async (): Promise<string> =>
    JSON.stringify([
      (await world.store.list('')).entries,
      await world.journal.query({ limit: 1000 }),
    ])
  expect(await everything()).not.toContain('plain text of it')
  expect(await everything()).not.toContain(text)

  world.keys = [{ id: 'k2', bytes: new Uint8Array(32).fill(7) }, ...world.keys]
  await world.restart()
  const sealed = (): string[] =>
    world.kernel
      .reader(root)
      .list('Secret')
      .map(({ spec }) => spec.sealedValue.split('.')[0] ?? '')
  await until(() => sealed().every((id) => id === 'k2'), {
    deadlineMs: 5_000,
    what: 'all sealed anew',
  })
})
