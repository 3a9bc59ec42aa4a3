// Databases that Polis made. A role is made and marked with the uid in one transaction, so no kill can leave one unmarked;
// CREATE DATABASE knows no transaction, but makes the role its owner, and that is what tells ours: nobody else can have
// made a database of a role that may not make any. The database's own comment is for people; its owner could change it.
import type { DatabaseSpec, ObservedDatabase } from '@polis/hal/database'
import { PolisError } from '@polis/lib/error'
import { z } from 'zod'
import { type Connection, name, text } from './connection.ts'
import { isSqlState } from './errors.ts'
import { isPasswordOf, makeVerifier } from './scram.ts'

const MARK = 'polis:'
const MAX_NAME_BYTES = 63
// One caller at a time, whichever process it is in; freed with the connection. The number is 'plis' in ASCII.
const LOCK = 0x70_6c_69_73

const Owner = z.object({
  oid: z.number(),
  mark: z.string(),
  role: z.string(),
  canLogin: z.boolean(),
  isPlain: z.boolean(),
  verifier: z.string().nullable(),
})
type Owner = z.infer<typeof Owner>

const Owned = z.object({
  database: z.string(),
  isConnectable: z.boolean(),
  sizeBytes: z.coerce.number(),
})
type Owned = z.infer<typeof Owned>

/** Throws InvalidArgument for what PostgreSQL would cut, refuse or understand differently from client to client. */
export function checkSpec(spec: DatabaseSpec): void {
  for (const path of ['databaseName', 'roleName'] as const) {
    const bytes = Buffer.byteLength(spec[path])
    const isReserved = path === 'roleName' && /^(?:pg_|public$|none$)/.test(spec[path])
    if (bytes > 0 && bytes <= MAX_NAME_BYTES && !spec[path].includes('\0') && !isReserved) continue
    const message = `must have 1 to ${MAX_NAME_BYTES} bytes and not be a name of PostgreSQL's own`
    throw new PolisError('InvalidArgument', message, { path })
  }
  if (/^[\x20-\x7e]+$/.test(spec.password)) return
  throw new PolisError('InvalidArgument', 'must be printable ASCII', { path: 'password' })
}

export async function lock(sql: Connection): Promise<void> {
  await sql`SELECT pg_advisory_lock(${LOCK})`
}

async function findOwners(sql: Connection, uid?: string): Promise<readonly Owner[]> {
  const rows = await sql`
    SELECT oid::int8::float8 AS oid, shobj_description(oid, 'pg_authid') AS mark, rolname AS role,
      rolcanlogin AS "canLogin", rolpassword AS verifier,
      NOT (rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls) AS "isPlain"
    FROM pg_authid
    WHERE starts_with(shobj_description(oid, 'pg_authid'), ${MARK})
      AND (${uid ?? null}::text IS NULL OR shobj_description(oid, 'pg_authid') = ${MARK + (uid ?? '')})`
  return z.array(Owner).parse([...rows])
}

async function findOwned(sql: Connection, owner: Owner): Promise<Owned | undefined> {
  const rows = await sql`
    SELECT datname AS database, datconnlimit <> 0 AS "isConnectable",
      pg_database_size(oid)::text AS "sizeBytes"
    FROM pg_database WHERE datdba = ${owner.oid}::int8::oid ORDER BY oid`
  const [first] = z.array(Owned).parse([...rows])
  return first
}

function taken(kind: string, taker: string): PolisError {
  return new PolisError('AlreadyExists', `${kind} ${taker} belongs to something else`)
}

async function requireFree(sql: Connection, spec: DatabaseSpec): Promise<void> {
  const [role] = await sql`SELECT 1 FROM pg_roles WHERE rolname = ${spec.roleName}`
  if (role !== undefined) throw taken('role', spec.roleName)
  const [found] = await sql`SELECT 1 FROM pg_database WHERE datname = ${spec.databaseName}`
  if (found !== undefined) throw taken('database', spec.databaseName)
}

async function ensureOwner(sql: Connection, spec: DatabaseSpec): Promise<Owner> {
  const [found] = await findOwners(sql, spec.uid)
  if (found !== undefined) {
    if (found.role === spec.roleName) return found
    throw new PolisError('FailedPrecondition', `role ${found.role} keeps its name`)
  }
  await requireFree(sql, spec)
  const role = name(spec.roleName)
  await sql.begin(async (tx) => {
    await tx.unsafe(`CREATE ROLE ${role} NOLOGIN`)
    await tx.unsafe(`COMMENT ON ROLE ${role} IS ${text(`${MARK}${spec.uid}`)}`)
  })
  const [made] = await findOwners(sql, spec.uid)
  if (made === undefined) throw new PolisError('Aborted', `role ${spec.roleName} went away`)
  return made
}

async function ensureOwned(sql: Connection, spec: DatabaseSpec, owner: Owner): Promise<void> {
  const found = await findOwned(sql, owner)
  if (found !== undefined && found.database !== spec.databaseName) {
    throw new PolisError('FailedPrecondition', `database ${found.database} keeps its name`)
  }
  const database = name(spec.databaseName)
  if (found === undefined) {
    try {
      const closed = 'CONNECTION LIMIT 0'
      const how = `OWNER ${name(owner.role)} TEMPLATE template0 ENCODING 'UTF8' ${closed}`
      await sql.unsafe(`CREATE DATABASE ${database} ${how}`)
    } catch (error) {
      if (isSqlState(error, '42P04')) throw taken('database', spec.databaseName)
      throw error
    }
  }
  await sql.unsafe(`COMMENT ON DATABASE ${database} IS ${text(`${MARK}${spec.uid}`)}`)
  await sql.unsafe(`REVOKE ALL ON DATABASE ${database} FROM PUBLIC`)
}

async function endSessions(sql: Connection, database: string, role: string): Promise<void> {
  const ending = async (): Promise<number> => {
    const rows = await sql`
      SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE (datname = ${database} OR usename = ${role}) AND pid <> pg_backend_pid()`
    return rows.length
  }
  for (let round = 0; (await ending()) > 0; round += 1) {
    if (round > 100) throw new PolisError('Unavailable', `sessions of ${role} do not end`)
    await sql`SELECT pg_sleep(0.05)`
  }
}

/** Brings database and role to `spec`; the caller holds the lock. */
export async function ensureDatabase(sql: Connection, spec: DatabaseSpec): Promise<void> {
  const owner = await ensureOwner(sql, spec)
  await ensureOwned(sql, spec, owner)
  const [role, database] = [name(spec.roleName), name(spec.databaseName)]
  if (!(await isPasswordOf(spec.password, owner.verifier))) {
    const verifier = await makeVerifier(spec.password)
    await sql.unsafe(`ALTER ROLE ${role} PASSWORD ${text(verifier)}`)
  }
  if (!owner.isPlain) {
    const plain = 'NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS'
    await sql.unsafe(`ALTER ROLE ${role} ${plain}`)
  }
  const limit = spec.isOpen ? -1 : 0
  await sql.unsafe(`ALTER ROLE ${role} ${spec.isOpen ? 'LOGIN' : 'NOLOGIN'}`)
  await sql.unsafe(`ALTER DATABASE ${database} CONNECTION LIMIT ${limit}`)
  if (!spec.isOpen) await endSessions(sql, spec.databaseName, spec.roleName)
}

/** Drops what carries that uid; the caller holds the lock. */
export async function removeDatabase(sql: Connection, uid: string): Promise<void> {
  for (const owner of await findOwners(sql, uid)) {
    const role = name(owner.role)
    await sql.unsafe(`ALTER ROLE ${role} NOLOGIN`)
    for (let owned; (owned = await findOwned(sql, owner)) !== undefined;) {
      const database = name(owned.database)
      await sql.unsafe(`ALTER DATABASE ${database} CONNECTION LIMIT 0`)
      await endSessions(sql, owned.database, owner.role)
      await sql.unsafe(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`)
    }
    await sql.unsafe(`DROP ROLE IF EXISTS ${role}`)
  }
}

export async function listDatabases(sql: Connection, uid?: string): Promise<ObservedDatabase[]> {
  const databases: ObservedDatabase[] = []
  for (const owner of await findOwners(sql, uid)) {
    const owned = await findOwned(sql, owner)
    if (owned === undefined) continue
    databases.push({
      uid: owner.mark.slice(MARK.length),
      databaseName: owned.database,
      roleName: owner.role,
      sizeBytes: owned.sizeBytes,
      isOpen: owner.canLogin && owned.isConnectable,
    })
  }
  return databases
}

/** Shuts the databases that every server has from all but the superuser: roles of applications get into their own only. */
export async function closeStockDatabases(sql: Connection): Promise<void> {
  for (const database of ['postgres', 'template1']) {
    await sql.unsafe(`REVOKE ALL ON DATABASE ${name(database)} FROM PUBLIC`)
  }
}
