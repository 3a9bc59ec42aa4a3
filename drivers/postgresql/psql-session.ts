// An application in tests: psql inside the server, signed in over the network.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { DatabaseSession } from '@polis/hal/database/conformance'
import { PolisError } from '@polis/lib/error'
import { text } from './connection.ts'

const MARK = '--end-of-answer--'

export interface PsqlOptions {
  /** Stands before the program's name. */
  readonly enterCommand: readonly string[]
  /** `host:port`. */
  readonly address: string
  readonly user: string
  readonly password: string
  readonly database: string
}

export class PsqlSession implements DatabaseSession {
  readonly #psql: ChildProcessWithoutNullStreams
  readonly #lines: AsyncIterator<string>
  readonly #errors: string[] = []

  private constructor({ enterCommand, address, user, password, database }: PsqlOptions) {
    const [host = '', port = ''] = address.split(':')
    const psql = ['psql', '--no-psqlrc', '--quiet', '--tuples-only', '--no-align', '--no-password']
    const [program = '', ...args] = [...enterCommand, ...psql]
    const env = { ...process.env, PGHOST: host, PGPORT: port, PGUSER: user, PGDATABASE: database }
    const PGPASSWORD = password
    this.#psql = spawn(program, args, { stdio: 'pipe', env: { ...env, PGPASSWORD } })
    this.#psql.stdin.on('error', () => undefined)
    this.#psql.stderr.on('data', (chunk: Buffer) => this.#errors.push(chunk.toString()))
    this.#lines = createInterface(this.#psql.stdout)[Symbol.asyncIterator]()
  }

  /** Undefined when the server refuses. */
  static async open(options: PsqlOptions): Promise<PsqlSession | undefined> {
    const session = new PsqlSession(options)
    try {
      await session.run('CREATE TABLE IF NOT EXISTS kept (key text PRIMARY KEY, value text)')
      return session
    } catch {
      await session.close()
      return undefined
    }
  }

  async run(sql: string): Promise<readonly string[]> {
    this.#psql.stdin.write(`${sql};\n\\echo ${MARK}\n`)
    const lines: string[] = []
    for (;;) {
      const next = await this.#lines.next()
      if (next.done === true) throw new PolisError('Unavailable', this.#errors.join(''))
      if (next.value === MARK) return lines
      lines.push(next.value)
    }
  }

  async put(key: string, value: string): Promise<void> {
    const row = `${text(key)}, ${text(value)}`
    await this.run(
      `INSERT INTO kept VALUES (${row}) ON CONFLICT (key) DO UPDATE SET value = excluded.value`,
    )
  }

  async get(key: string): Promise<string | undefined> {
    return (await this.run(`SELECT value FROM kept WHERE key = ${text(key)}`))[0]
  }

  async isOpen(): Promise<boolean> {
    try {
      return (await this.run('SELECT 1')).length === 1
    } catch {
      return false
    }
  }

  async close(): Promise<void> {
    if (this.#psql.exitCode !== null || this.#psql.signalCode !== null) return
    this.#psql.kill('SIGKILL')
    await once(this.#psql, 'close')
  }
}
