import { databaseContract } from '@polis/hal/database'
import { databaseConformance } from '@polis/hal/database/conformance'
import { loadStockImages } from '@polis/test/rig/images'
import { FarDevice } from '@polis/test/rig/far-device'
import { useServer } from '@polis/test/rig/suite'
import { describe } from 'vitest'
import { PsqlSession } from './psql-session.ts'

const signal = (): AbortSignal => AbortSignal.timeout(60_000)

describe('PostgreSQL in a container', () => {
  const server = useServer()
  const device = new FarDevice(server, { driver: 'postgresql', contract: databaseContract })

  async function superuserSql(sql: string): Promise<readonly string[]> {
    const { facts } = await device.port.observeDevice({}, signal())
    const args = ['exec', facts['container'] ?? '', 'psql', '-U', 'postgres', '-qAt', '-c', sql]
    return (await server.exec('docker', args)).stdout.split('\n').slice(0, -1)
  }

  databaseConformance(async () => {
    await loadStockImages(server, ['postgresql'])
    return {
      port: device.port,
      signIn: async ({ databaseName, roleName, password }) => {
        const { facts } = await device.port.observeDevice({}, signal())
        return PsqlSession.open({
          enterCommand: server.enterCommand,
          address: facts['address'] ?? '',
          user: roleName,
          password,
          database: databaseName,
        })
      },
      addForeign: async (databaseName) =>
        void (await superuserSql(`CREATE DATABASE "${databaseName}"`)),
      databaseNames: () => superuserSql('SELECT datname FROM pg_database'),
      [Symbol.asyncDispose]: () => device[Symbol.asyncDispose](),
    }
  })
})
