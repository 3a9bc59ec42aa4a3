import { DockerClient } from '@polis/engine-docker/client'
import type {
  DatabaseCapabilities,
  DatabasePort,
  DatabaseSpec,
  ObservedDatabase,
} from '@polis/hal/database'
import type { Driver, Nothing, ObservedDevice } from '@polis/hal/driver'
import { parseParameters } from '@polis/hal/parameters'
import { PolisError } from '@polis/lib/error'
import { z } from 'zod'
import { Parameters } from './config.ts'
import { checkSpec, ensureDatabase, listDatabases, lock, removeDatabase } from './databases.ts'
import { PostgresqlDevice } from './device.ts'

const CAPABILITIES: DatabaseCapabilities = { bindingType: 'postgresql', uriScheme: 'postgresql' }

class PostgresqlServer implements DatabasePort {
  readonly #device: PostgresqlDevice

  constructor(device: PostgresqlDevice) {
    this.#device = device
  }

  ensureDevice(_: Nothing, signal: AbortSignal): Promise<ObservedDevice> {
    return this.#device.ensure(signal)
  }

  observeDevice(_: Nothing, signal: AbortSignal): Promise<ObservedDevice> {
    return this.#device.observe(signal)
  }

  async removeDevice(_: Nothing, signal: AbortSignal): Promise<Nothing> {
    await this.#device.remove(signal)
    return {}
  }

  async ensureDatabase(input: DatabaseSpec, signal: AbortSignal): Promise<ObservedDatabase> {
    checkSpec(input)
    const doing = `ensure database ${input.databaseName}`
    return this.#device.connect(doing, signal, async (sql) => {
      await lock(sql)
      await ensureDatabase(sql, input)
      const found = (await listDatabases(sql, input.uid))[0]
      if (found === undefined) throw new PolisError('Aborted', `could not ${doing}: it went away`)
      return found
    })
  }

  async removeDatabase({ uid }: { uid: string }, signal: AbortSignal): Promise<Nothing> {
    await this.#device.connect(`remove database ${uid}`, signal, async (sql) => {
      await lock(sql)
      await removeDatabase(sql, uid)
    })
    return {}
  }

  async listDatabases(_: Nothing, signal: AbortSignal): Promise<{ databases: ObservedDatabase[] }> {
    const databases = await this.#device.connect('list databases', signal, (sql) =>
      listDatabases(sql),
    )
    return { databases }
  }
}

export interface PostgresqlDriverDeps {
  readonly dockerSocketPath: string
  /** Folder of the recipes of stock images. */
  readonly stockImagesDir: string
}

/** PostgreSQL 13 and later, each device in a container of its own on the node. */
export function postgresqlDriver(deps: PostgresqlDriverDeps): Driver<DatabasePort> {
  return {
    manifest: {
      name: 'postgresql',
      class: 'database',
      version: '0.1.0',
      summary: 'PostgreSQL in a container on the node.',
      parameters: z.toJSONSchema(Parameters, { io: 'input' }),
      capabilities: { ...CAPABILITIES },
    },
    open: (device, host) => {
      const parameters = parseParameters(Parameters, device)
      const docker = new DockerClient({ socketPath: deps.dockerSocketPath })
      const { stockImagesDir } = deps
      return new PostgresqlServer(
        new PostgresqlDevice({ docker, stockImagesDir, device, host, parameters }),
      )
    },
  }
}
