// Writes api/schema.graphql: the schema as programs and the shell know it. A test fails when the file is stale.
import { writeFileSync } from 'node:fs'
import { lexicographicSortSchema, printSchema } from 'graphql'
import { createSchema } from './graphql/schema.ts'

const text = `${printSchema(lexicographicSortSchema(createSchema()))}\n`
writeFileSync(new URL('schema.graphql', import.meta.url), text)
