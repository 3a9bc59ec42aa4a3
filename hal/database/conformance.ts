import { newUid } from '@polis/lib/uid'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import type { DatabasePort, DatabaseSpec } from './class.ts'
import { codeOf } from '../code-of.ts'

/** One signed-in application. */
export interface DatabaseSession {
  put(key: string, value: string): Promise<void>
  get(key: string): Promise<string | undefined>
  /** False when the server ended it. */
  isOpen(): Promise<boolean>
  close(): Promise<void>
}

/** A database device and the world around it, for the suite. */
export interface DatabaseExam extends AsyncDisposable {
  readonly port: DatabasePort
  /** Signs in as an application does, over the network; undefined when the server refuses. */
  signIn(
    login: Pick<DatabaseSpec, 'databaseName' | 'roleName' | 'password'>,
  ): Promise<DatabaseSession | undefined>
  /** Makes a database of that name without Polis. */
  addForeign(databaseName: string): Promise<void>
  /** Names of all databases in the engine, Polis' and others'. */
  databaseNames(): Promise<readonly string[]>
}

type Current = () => DatabaseExam

const signal = (): AbortSignal => AbortSignal.timeout(60_000)

/** The contract of the database class. A driver that fails one of these is not a database driver. */
export function databaseConformance(open: () => Promise<DatabaseExam>): void {
  describe('database class', { timeout: 60_000 }, () => {
    let exam: DatabaseExam
    beforeAll(async () => {
      exam = await open()
      await exam.port.ensureDevice({}, AbortSignal.timeout(240_000))
    }, 300_000)
    afterAll(() => exam[Symbol.asyncDispose](), 120_000)
    const current = (): DatabaseExam => exam

    ensureTests(current)
    passwordTests(current)
    closingTests(current)
    strangerTests(current)
    nameTests(current)
    deviceTests(current)
  })
}

function specOf(change: Partial<DatabaseSpec> = {}): DatabaseSpec {
  const uid = newUid()
  return {
    uid,
    databaseName: `db-${uid}`,
    roleName: `role-${uid}`,
    password: `p'"\\ ${uid}`,
    isOpen: true,
    ...change,
  }
}

async function addDatabase(
  { port }: DatabaseExam,
  change: Partial<DatabaseSpec> = {},
): Promise<DatabaseSpec> {
  const spec = specOf(change)
  onTestFinished(async () => void (await port.removeDatabase({ uid: spec.uid }, signal())))
  await port.ensureDatabase(spec, signal())
  return spec
}

async function signIn(exam: DatabaseExam, spec: DatabaseSpec): Promise<DatabaseSession> {
  const session = await exam.signIn(spec)
  if (session === undefined) throw new Error(`${spec.roleName} could not sign in`)
  onTestFinished(() => session.close())
  return session
}

function ensureTests(current: Current): void {
  test('the owner signs in, writes, and finds it again', async () => {
    const spec = await addDatabase(current())
    const session = await signIn(current(), spec)
    await session.put('a', '1')
    expect(await session.get('a')).toBe('1')
  })

  test('ensuring again changes nothing and disturbs nobody', async () => {
    const spec = await addDatabase(current())
    const session = await signIn(current(), spec)
    await session.put('a', '1')
    const { uid, databaseName, roleName } = spec
    const again = await current().port.ensureDatabase(spec, signal())
    expect(again).toMatchObject({ uid, databaseName, roleName, isOpen: true })
    expect(await session.get('a')).toBe('1')
  })

  test('ensuring at the same time from two sides ends in one database', async () => {
    const { port } = current()
    const spec = specOf()
    onTestFinished(async () => void (await port.removeDatabase({ uid: spec.uid }, signal())))
    await Promise.all([port.ensureDatabase(spec, signal()), port.ensureDatabase(spec, signal())])
    await signIn(current(), spec)
    const { databases } = await port.listDatabases({}, signal())
    expect(databases.filter(({ uid }) => uid === spec.uid)).toHaveLength(1)
  })

  test('removal takes the data, ends sessions, and can be repeated', async () => {
    const { port } = current()
    const spec = await addDatabase(current())
    const bystander = await addDatabase(current())
    const session = await signIn(current(), spec)
    await session.put('a', '1')
    await port.removeDatabase({ uid: spec.uid }, signal())
    expect(await session.isOpen()).toBe(false)
    await port.removeDatabase({ uid: spec.uid }, signal())
    expect(await current().databaseNames()).not.toContain(spec.databaseName)
    expect(await current().signIn(spec)).toBeUndefined()
    await signIn(current(), bystander)
    await port.ensureDatabase(spec, signal())
    const anew = await signIn(current(), spec)
    expect(await anew.get('a')).toBeUndefined()
  })

  test('listed are those that Polis made, with their size', async () => {
    const spec = await addDatabase(current())
    const { databases } = await current().port.listDatabases({}, signal())
    const found = databases.find(({ uid }) => uid === spec.uid)
    expect(found).toMatchObject({ databaseName: spec.databaseName, roleName: spec.roleName })
    expect(found?.sizeBytes).toBeGreaterThanOrEqual(0)
  })

  test('an aborted call changes nothing', async () => {
    const spec = specOf()
    expect(await codeOf(current().port.ensureDatabase(spec, AbortSignal.abort()))).not.toBe(
      'no error',
    )
    expect(await current().databaseNames()).not.toContain(spec.databaseName)
  })
}

function passwordTests(current: Current): void {
  test('a wrong password is refused', async () => {
    const spec = await addDatabase(current())
    expect(await current().signIn({ ...spec, password: 'wrong' })).toBeUndefined()
    expect(await current().signIn({ ...spec, password: '' })).toBeUndefined()
  })

  test('a new password replaces the old one and keeps the data', async () => {
    const spec = await addDatabase(current())
    const before = await signIn(current(), spec)
    await before.put('a', '1')
    const rotated = { ...spec, password: 'fresh' }
    await current().port.ensureDatabase(rotated, signal())
    expect(await current().signIn(spec)).toBeUndefined()
    const after = await signIn(current(), rotated)
    expect(await after.get('a')).toBe('1')
  })

  test("a role does not get into another's database", async () => {
    const mine = await addDatabase(current())
    const theirs = await addDatabase(current())
    const trespass = { ...mine, databaseName: theirs.databaseName }
    expect(await current().signIn(trespass)).toBeUndefined()
  })
}

function closingTests(current: Current): void {
  test('closing ends sessions and refuses new ones; opening again shows the same data', async () => {
    const { port } = current()
    const spec = await addDatabase(current())
    const session = await signIn(current(), spec)
    await session.put('a', '1')
    const closed = await port.ensureDatabase({ ...spec, isOpen: false }, signal())
    expect(closed.isOpen).toBe(false)
    expect(await session.isOpen()).toBe(false)
    expect(await current().signIn(spec)).toBeUndefined()
    await port.ensureDatabase({ ...spec, isOpen: false }, signal())
    await port.ensureDatabase(spec, signal())
    const again = await signIn(current(), spec)
    expect(await again.get('a')).toBe('1')
  })

  test('a closed database can be removed', async () => {
    const { port } = current()
    const spec = await addDatabase(current(), { isOpen: false })
    await port.removeDatabase({ uid: spec.uid }, signal())
    expect(await current().databaseNames()).not.toContain(spec.databaseName)
  })
}

function strangerTests(current: Current): void {
  test('a database of somebody else is refused, not listed and never touched', async () => {
    const { port } = current()
    const spec = specOf()
    await current().addForeign(spec.databaseName)
    expect(await codeOf(port.ensureDatabase(spec, signal()))).toBe('AlreadyExists')
    await port.removeDatabase({ uid: spec.uid }, signal())
    expect(await current().databaseNames()).toContain(spec.databaseName)
    const { databases } = await port.listDatabases({}, signal())
    expect(databases.map((found) => found.databaseName)).not.toContain(spec.databaseName)
  })

  test('names that another uid has are refused', async () => {
    const { port } = current()
    const spec = await addDatabase(current())
    const sameDatabase = specOf({ databaseName: spec.databaseName })
    expect(await codeOf(port.ensureDatabase(sameDatabase, signal()))).toBe('AlreadyExists')
    const sameRole = specOf({ roleName: spec.roleName })
    expect(await codeOf(port.ensureDatabase(sameRole, signal()))).toBe('AlreadyExists')
    await signIn(current(), spec)
    expect(await current().databaseNames()).not.toContain(sameRole.databaseName)
  })

  test('a database keeps the names it was made with', async () => {
    const spec = await addDatabase(current())
    const renamed = { ...spec, databaseName: `other-${spec.databaseName}` }
    expect(await codeOf(current().port.ensureDatabase(renamed, signal()))).toBe(
      'FailedPrecondition',
    )
    await signIn(current(), spec)
  })
}

function nameTests(current: Current): void {
  test('any name the engine can hold works', async () => {
    const uid = newUid()
    for (const name of [`a"b'c;--${uid}`, `Größe ${uid}`, `$1 %s \\ ${uid}`]) {
      const spec = await addDatabase(current(), { databaseName: name, roleName: name })
      const session = await signIn(current(), spec)
      await session.put('a', name)
      expect(await session.get('a')).toBe(name)
      expect(await current().databaseNames()).toContain(name)
    }
  })

  test('a name the engine would cut or refuse is refused before', async () => {
    const { port } = current()
    for (const name of ['', 'x'.repeat(300), 'ü'.repeat(40), 'a\0b']) {
      const asDatabase = port.ensureDatabase(specOf({ databaseName: name }), signal())
      expect(await codeOf(asDatabase)).toBe('InvalidArgument')
      const asRole = port.ensureDatabase(specOf({ roleName: name }), signal())
      expect(await codeOf(asRole)).toBe('InvalidArgument')
    }
  })
}

function deviceTests(current: Current): void {
  test('a device that is ready says its address', async () => {
    const { port } = current()
    const ensured = await port.ensureDevice({}, signal())
    expect(ensured.isReady).toBe(true)
    expect(ensured.facts['address']).toMatch(/^\S+:\d+$/)
    expect(await port.observeDevice({}, signal())).toMatchObject({ isReady: true })
  })

  test('databases outlive the removal of the device', async () => {
    const { port } = current()
    const spec = await addDatabase(current())
    const before = await signIn(current(), spec)
    await before.put('a', '1')
    await port.removeDevice({}, signal())
    await port.removeDevice({}, signal())
    expect(await before.isOpen()).toBe(false)
    await port.ensureDevice({}, signal())
    const after = await signIn(current(), spec)
    expect(await after.get('a')).toBe('1')
  })
}
