import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { buildSchema, type DocumentNode, Kind, validate } from 'graphql'
import { expect, test } from 'vitest'

const schema = buildSchema(readFileSync(new URL('../api/schema.graphql', import.meta.url), 'utf8'))
const files = globSync('documents/*.ts', { cwd: import.meta.dirname })

test.each(files)('%s holds what the published schema allows', async (file) => {
  const url = pathToFileURL(join(import.meta.dirname, file))
  const exported = Object.values((await import(url.href)) as Readonly<Record<string, DocumentNode>>)
  expect(exported).not.toEqual([])
  // Fragments are looked at where they are used.
  const operations = exported.filter(({ definitions }) =>
    definitions.some(({ kind }) => kind === Kind.OPERATION_DEFINITION),
  )
  expect(operations.flatMap((document) => validate(schema, document))).toEqual([])
})
