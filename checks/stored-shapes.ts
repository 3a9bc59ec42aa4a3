// What a stored document of each kind looks like, kept for every version that ever landed: a change of shape without a
// new version and a migration would leave documents that nobody can read. Run as a program, it writes down the shape of
// each kind's newest version where none is kept yet; it never overwrites one.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Metadata } from '@polis/resources/object'
import { type KindName, kindNames, kinds } from '@polis/resources/registry'
import { z } from 'zod'

/** One folder per kind, with `vN.json` (documents as they were stored) and `vN.schema.json` (their shape). */
export const TESTDATA = join(import.meta.dirname, '..', 'resources', 'testdata')

export function documentsFile(kind: string, version: number): string {
  return join(TESTDATA, kind, `v${version}.json`)
}

export function shapeFile(kind: string, version: number): string {
  return join(TESTDATA, kind, `v${version}.schema.json`)
}

/** The shape that documents of a kind have now. */
export function shapeOf(kind: KindName): unknown {
  const toShape = (schema: z.ZodType): unknown => z.toJSONSchema(schema, { io: 'input' })
  const { spec, status } = kinds[kind]
  return { metadata: toShape(Metadata), spec: toShape(spec), status: toShape(status) }
}

export function readJson(file: string): unknown {
  return JSON.parse(readFileSync(file, 'utf8')) as unknown
}

if (process.argv[1] === import.meta.filename) {
  for (const kind of kindNames) {
    const file = shapeFile(kind, kinds[kind].version)
    if (existsSync(file)) continue
    mkdirSync(join(TESTDATA, kind), { recursive: true })
    writeFileSync(file, `${JSON.stringify(shapeOf(kind), undefined, 2)}\n`)
    process.stdout.write(`${file}: written\n`)
  }
}
