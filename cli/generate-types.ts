// Writes cli/graphql-env.d.ts: the published schema as types, for the documents of the shell.
import { readFileSync, writeFileSync } from 'node:fs'
import { minifyIntrospection, outputIntrospectionFile } from '@gql.tada/internal'
import { buildSchema, introspectionFromSchema } from 'graphql'

const sdl = readFileSync(new URL('../api/schema.graphql', import.meta.url), 'utf8')
const introspection = minifyIntrospection(introspectionFromSchema(buildSchema(sdl)))
const types = outputIntrospectionFile(introspection, { fileType: '.d.ts', shouldPreprocess: true })
writeFileSync(new URL('graphql-env.d.ts', import.meta.url), types)
