import { PolisError } from '@polis/lib/error'
import { expect, test } from 'vitest'
import { databaseConformance } from './conformance.ts'
import { FakeDatabaseServer } from './fake.ts'

databaseConformance(async () => {
  const fake = new FakeDatabaseServer()
  return {
    port: fake,
    signIn: async (login) => {
      const session = fake.signIn(login)
      if (session === undefined) return undefined
      return {
        put: async (key, value) => session.put(key, value),
        get: async (key) => session.get(key),
        isOpen: async () => session.isOpen,
        close: async () => session.end(),
      }
    },
    addForeign: async (databaseName) => fake.addForeign(databaseName),
    databaseNames: async () => fake.databaseNames,
    [Symbol.asyncDispose]: async () => undefined,
  }
})

test('a server that is away refuses everything until it is back', async () => {
  const fake = new FakeDatabaseServer()
  const signal = AbortSignal.timeout(1_000)
  fake.setAway(true)
  await expect(fake.listDatabases({}, signal)).rejects.toThrow(PolisError)
  fake.setAway(false)
  expect(await fake.listDatabases({}, signal)).toEqual({ databases: [] })
})
